"""The table follows from the facts, and the rules of reading and combining."""

import pathlib
import sys
import unittest
from decimal import Decimal

FOLDER = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(FOLDER))

import sources  # noqa: E402
import table  # noqa: E402


def facts(prices: dict) -> dict:
    """Facts with one model and one rate."""
    return {"models": {"m.x": {"rates": {"default/0": prices}, "entry": "m.x"}}}


class Prices(unittest.TestCase):
    def test_equal_prices_are_no_disagreement(self):
        models, differences = table.combine(facts({"input": 3, "output": 5}), facts({"input": 3, "output": 5}))
        self.assertEqual(models, {"m.x": {"sources": 2, "rates": [{"input": 3, "output": 5}]}})
        self.assertEqual(differences, [])

    def test_higher_price_applies_and_the_difference_is_listed(self):
        models, differences = table.combine(facts({"input": 3}), facts({"input": 4}))
        self.assertEqual(models["m.x"]["rates"], [{"input": 4}])
        self.assertEqual(differences, [("m.x", "default/0", "input", 3, 4, "m.x")])

    def test_price_of_one_source_is_used(self):
        models, differences = table.combine(facts({"input": 3}), facts({"output": 5}))
        self.assertEqual(models["m.x"]["rates"], [{"input": 3, "output": 5}])
        self.assertEqual(differences, [])

    def test_model_without_an_input_price_is_left_out(self):
        self.assertEqual(table.combine(facts({"output": 3}), {"models": {}})[0], {})

    def test_entry_of_litellm_becomes_rates_by_tier_and_threshold(self):
        entry = {
            "input_cost_per_token": Decimal("3.3e-06"),
            "cache_creation_input_token_cost_above_1hr": Decimal("6e-06"),
            "input_cost_per_token_above_200k_tokens": Decimal("6e-06"),
            "input_cost_per_token_flex": Decimal("2.625e-07"),
            "input_cost_per_token_batches": Decimal("1e-06"),
        }
        rates = {
            "default/0": {"input": 3_300_000_000, "cache_write_1h": 6_000_000_000},
            "default/200000": {"input": 6_000_000_000},
            "flex/0": {"input": 262_500_000},
        }
        self.assertEqual(sources.read_litellm_model(entry), {"rates": rates})

    def test_model_that_is_paid_by_the_second_has_no_price(self):
        entry = {"output_cost_per_token": Decimal("1e-06"), "input_cost_per_video_per_second": Decimal("0.1")}
        self.assertIsNone(sources.read_litellm_model(entry))

    def test_key_of_litellm_becomes_an_id_with_its_region(self):
        keys = {
            "us-gov.anthropic.claude-haiku-5-5": "us-gov.anthropic.claude-haiku-5-5",
            "bedrock/us-gov-west-1/amazon.nova-pro-v1:0": "us-gov-west-1/amazon.nova-pro-v1:0",
            "bedrock/us-east-1/1-month-commitment/anthropic.claude-v1": None,
            "1024-x-1024/50-steps/stability.stable-diffusion-xl-v1": None,
            "claude-sonnet-4-5-20250929-v1:0": None,
        }
        self.assertEqual({key: sources.litellm_id(key) for key in keys}, keys)

    def test_price_with_a_part_of_a_nano_dollar_is_rejected(self):
        with self.assertRaises(SystemExit):
            sources.to_nano(Decimal("1e-17"), sources.MILLION)


if __name__ == "__main__":
    unittest.main()
