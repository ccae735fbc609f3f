"""Combines the facts of the sources into one table, and lists where they disagree."""

import json

KINDS = ["input", "output", "cache_read", "cache_write", "cache_write_1h"]


def combine(first: dict, second: dict) -> tuple[dict, list[tuple]]:
    """The models with their prices, and the prices that differ.

    Where two sources differ, the higher price applies: a limit in dollars must not be exceeded because of a price that is too
    low. A price that only one source has is taken from it.
    """
    models: dict = {}
    disagreements: list[tuple] = []
    for name in sorted({*first["models"], *second["models"]}):
        one, two = first["models"].get(name), second["models"].get(name)
        model = {"sources": sum(found is not None for found in (one, two))}
        for unit in ("image", "request"):
            prices = [found[unit] for found in (one, two) if found and unit in found]
            if prices:
                model[unit] = max(prices)
        rates = {}
        if unit_free := not {"image", "request"} & model.keys():
            names = sorted({key for found in (one, two) if found for key in found["rates"]})
            rates = {key: combine_rate(name, key, one, two, disagreements) for key in names}
        if unit_free and "input" not in rates.get("default/0", {}):
            continue
        if rates:
            model["rates"] = [to_rate(key, rate) for key, rate in sorted(rates.items(), key=lambda item: sort_key(item[0]))]
        models[name] = model
    return models, disagreements


def combine_rate(name: str, key: str, one: dict | None, two: dict | None, disagreements: list[tuple]) -> dict:
    """One rate of a model, kind by kind."""
    rate = {}
    for kind in KINDS:
        prices = [found["rates"].get(key, {}).get(kind) if found else None for found in (one, two)]
        known = [price for price in prices if price is not None]
        if known:
            rate[kind] = max(known)
        if len(known) == 2 and known[0] != known[1]:
            disagreements.append((name, key, kind, *known, two["entry"]))
    return rate


def sort_key(key: str) -> tuple[bool, str, int]:
    tier, above = key.split("/")
    return tier != "default", tier, int(above)


def to_rate(key: str, rate: dict) -> dict:
    """A rate as the table has it: the tier and the threshold are left out if they have their default values."""
    tier, above = key.split("/")
    prefix: dict = {} if tier == "default" else {"tier": tier}
    if int(above):
        prefix["above"] = int(above)
    return {**prefix, **rate}


def render_table(models: dict, facts: list[dict]) -> str:
    """The table as JSON, with one model in each line."""
    head = {
        "about": "Bedrock's on-demand prices. python3 tools/prices writes this file.",
        "unit": "nano-dollars for a million tokens, for an image, or for a request",
        "date": max(source["date"] for source in facts),
        "sources": [source["source"] for source in facts],
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = [f"  {json.dumps(name)}: {json.dumps(model)}" for name, model in models.items()]
    return "{\n" + ",\n".join(lines) + ',\n "models": {\n' + ",\n".join(rows) + "\n }\n}\n"


def to_dollars(nano: int) -> str:
    return f"{nano / 10**9:.9f}".rstrip("0").rstrip(".")


def render_disagreements(disagreements: list[tuple], facts: list[dict]) -> str:
    """The differences as a table in Markdown."""
    one, two = (source["source"] for source in facts)
    lines = [
        "# Prices in which the sources disagree",
        "",
        f"`python3 tools/prices` writes this file from {one} and {two} ({max(source['date'] for source in facts)}). Prices are",
        "dollars for a million tokens. The table has the higher price. `entry` is the model in genai-prices whose price applies.",
        "An entry without the prefix of the id has the prices of us-east-1, which genai-prices applies to all Regions.",
        "",
        f"| Model | Rate | Kind | {one} | {two} | entry |",
        "|---|---|---|---|---|---|",
    ]
    for name, key, kind, first, second, entry in disagreements:
        lines.append(f"| `{name}` | {key} | {kind} | {to_dollars(first)} | {to_dollars(second)} | `{entry}` |")
    return "\n".join(lines) + "\n"
