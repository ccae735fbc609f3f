"""Reads the prices of Bedrock's models from two packages. Each price becomes a whole number of nano-dollars: for a million
tokens, for one image, or for one request."""

import datetime
import importlib.metadata
import json
import pathlib
import re
from decimal import Decimal

NAMES = ["litellm", "genai-prices"]

NANO = 10**9
MILLION = 10**6

# litellm's names for the kinds of tokens, in dollars per token.
LITELLM_KINDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
}
LITELLM_KEY = re.compile(
    "(?P<kind>" + "|".join(sorted(LITELLM_KINDS, key=len, reverse=True)) + r")"
    r"(?:_above_(?P<above>\d+)k_tokens)?(?:_(?P<tier>flex|priority))?"
)
# genai-prices' names for the kinds of tokens, in dollars per million tokens.
GENAI_KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
}
# A price per image of these models depends on the size and the quality, which the usage does not have.
SIZED_IMAGES = ("nova-canvas", "titan-image-generator")
# Bedrock's usage has no counts of these, so no cost can be computed from it.
UNCOUNTED = re.compile(r"input_cost_per_(image|video|audio)|output_cost_per_audio|cost_per_second")


def to_nano(dollars: Decimal, per: int) -> int:
    """Nano-dollars for `per` units at a price of `dollars` for one."""
    value = dollars * per * NANO
    if value != value.to_integral_value():
        raise SystemExit(f"{dollars} dollars for each of {per} units is no whole number of nano-dollars")
    return int(value)


def rate_key(tier: str | None, above: int) -> str:
    """The name of a rate in the facts: the service tier, and the number of input tokens above which it applies."""
    return f"{tier or 'default'}/{above}"


def read_litellm_model(entry: dict) -> dict | None:
    """The prices of one entry, or None if Bedrock's usage is not enough to compute a cost."""
    costs = {key: value for key, value in entry.items() if value is not None and "cost" in key}
    if any(UNCOUNTED.match(key) and value for key, value in costs.items() if not key.startswith("input_cost_per_image_token")):
        return None
    model: dict = {"rates": {}}
    for key, value in costs.items():
        match = LITELLM_KEY.fullmatch(key)
        if match:
            rate = rate_key(match["tier"], int(match["above"] or 0) * 1000)
            model["rates"].setdefault(rate, {})[LITELLM_KINDS[match["kind"]]] = to_nano(Decimal(value), MILLION)
    if entry.get("mode") == "rerank":
        # A query has up to 100 documents. Tokens cost nothing.
        model = {"rates": {}, "request": to_nano(Decimal(costs["input_cost_per_query"]), 1)}
    if "output_cost_per_image" in costs:
        model = {"rates": {}, "image": to_nano(Decimal(costs["output_cost_per_image"]), 1)}
    is_free = all(not price for rate in model["rates"].values() for price in rate.values())
    return None if is_free and not model.get("image") and not model.get("request") else model


def litellm_id(key: str) -> str | None:
    """`REGION/ID` or `ID`, or None for an entry that is not the on-demand price of a model id."""
    if "commitment" in key or "@" in key or "*" in key:
        return None
    if "/" not in key:
        return key if re.fullmatch(r"(?:[a-z-]+\.)?[a-z0-9]+\.[a-z].*", key) else None
    match = re.fullmatch(r"bedrock/(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)/)?(?P<id>[a-z0-9-]+\.[^/]+)", key)
    if not match:
        return None
    return f"{match['region']}/{match['id']}" if match["region"] else match["id"]


def read_litellm() -> dict:
    """The facts of litellm's `model_prices_and_context_window_backup.json`."""
    package = importlib.metadata.distribution("litellm")
    path = pathlib.Path(str(package.locate_file("litellm/model_prices_and_context_window_backup.json")))
    entries = json.loads(path.read_text(), parse_float=Decimal, parse_int=Decimal)
    models = {}
    for key, entry in sorted(entries.items()):
        if not isinstance(entry, dict) or entry.get("litellm_provider") not in ("bedrock", "bedrock_converse"):
            continue
        name = litellm_id(key)
        if name is None or any(word in name for word in SIZED_IMAGES):
            continue
        model = read_litellm_model(entry)
        if model:
            models.setdefault(name, model)
    return {"source": f"litellm {package.version}", "url": "https://pypi.org/project/litellm/", "models": models}


def read_genai_rates(prices) -> dict:
    """The rates of a ModelPrice: the base, and a rate for each threshold of its tiers."""
    rates: dict = {}
    for key, kind in GENAI_KINDS.items():
        price = getattr(prices, key, None)
        if price is None:
            continue
        base = getattr(price, "base", price)
        steps = [(0, base)] + [(tier.start, tier.price) for tier in getattr(price, "tiers", [])]
        for above, dollars in steps:
            rates.setdefault(rate_key(None, above), {})[kind] = to_nano(Decimal(dollars), 1)
    return rates


def literal_ids(match) -> list[str]:
    """The complete ids in a match clause of genai-prices."""
    clauses = getattr(match, "or_", [match])
    literals = [getattr(c, "ends_with", None) or getattr(c, "equals", None) for c in clauses]
    return [text for text in literals if text and "/" not in text and re.fullmatch(r"[a-z-]+\.[a-z0-9]+\.[a-z0-9.:-]+", text)]


def read_genai(ids: list[str]) -> dict:
    """The prices of genai-prices for `ids`, and for the ids that its match clauses list completely."""
    from genai_prices import data

    now = datetime.datetime.now(datetime.timezone.utc)
    provider = next(provider for provider in data.providers if provider.id == "aws")
    own = [text for model in provider.models for text in literal_ids(model.match)]
    models = {}
    for name in sorted({*ids, *own}):
        region, _, model_id = name.rpartition("/")
        found = provider.find_model(model_id)
        # Its prices are those of us-east-1.
        if not found or region not in ("", "us-east-1"):
            continue
        rates = read_genai_rates(found.get_prices(now))
        if any(price for rate in rates.values() for price in rate.values()):
            models[name] = {"rates": rates, "entry": found.id}
    version = importlib.metadata.version("genai-prices")
    return {"source": f"genai-prices {version}", "url": "https://pypi.org/project/genai-prices/", "models": models}


def read_all() -> dict[str, dict]:
    """The facts of both packages, as read today."""
    litellm = read_litellm()
    genai = read_genai(list(litellm["models"]))
    today = datetime.date.today().isoformat()
    return {name: {**facts, "date": today} for name, facts in zip(NAMES, (litellm, genai), strict=True)}
