use bedrock_grpc_schema::runtime::v1::{CacheDetail, TokenUsage};

use super::*;

/// Prices such as those of Claude: three dollars for a million input tokens, and so on.
fn prices() -> ModelPrices {
    let rates = Rates {
        input: 3_000_000_000,
        output: 15_000_000_000,
        cache_read: Some(300_000_000),
        cache_write: Some(3_750_000_000),
        cache_write_1h: Some(6_000_000_000),
    };
    let long = Rates { input: 6_000_000_000, ..rates };
    ModelPrices {
        rates: vec![
            Rate { rates, ..Rate::default() },
            Rate { above: 200_000, rates: long, ..Rate::default() },
            Rate { tier: Some("flex".to_owned()), rates: Rates { input: 1_500_000_000, ..rates }, ..Rate::default() },
        ],
        ..ModelPrices::default()
    }
}

fn tokens(input: i32, output: i32, cache_read: i32, cache_write: &[(&str, i32)]) -> TokenUsage {
    let detail = |(ttl, count): &(&str, i32)| CacheDetail {
        ttl: Some((*ttl).to_owned()),
        input_tokens: Some(*count),
        ..CacheDetail::default()
    };
    TokenUsage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        cache_read_input_tokens: Some(cache_read),
        cache_write_input_tokens: Some(cache_write.iter().map(|(_, count)| count).sum()),
        cache_details: cache_write.iter().map(detail).collect(),
        ..TokenUsage::default()
    }
}

fn cost(prices: &ModelPrices, tokens: &TokenUsage) -> Result<u64, UnknownCost> {
    compute_cost(prices, &BilledUsage { tokens: Some(tokens), ..BilledUsage::default() })
}

#[test]
fn each_kind_of_token_has_its_price() {
    let usage = tokens(10, 100, 1000, &[("1h", 3), ("5m", 20)]);
    // 10 x 3000 + 100 x 15000 + 1000 x 300 + 3 x 6000 + 20 x 3750
    assert_eq!(cost(&prices(), &usage), Ok(30_000 + 1_500_000 + 300_000 + 18_000 + 75_000));
}

#[test]
fn written_tokens_without_a_ttl_have_the_default_price() {
    let usage = TokenUsage { cache_details: vec![], ..tokens(0, 0, 0, &[("5m", 20)]) };
    assert_eq!(cost(&prices(), &usage), Ok(75_000));
}

#[test]
fn cached_tokens_without_a_price_cost_as_much_as_input_tokens() {
    let rates = Rates { input: 60_000_000, output: 240_000_000, ..Rates::default() };
    let prices = ModelPrices { rates: vec![Rate { rates, ..Rate::default() }], ..ModelPrices::default() };
    assert_eq!(cost(&prices, &tokens(22, 13, 5, &[("5m", 2492)])), Ok((22 + 5 + 2492) * 60 + 13 * 240));
}

#[test]
fn cache_writes_for_an_hour_without_a_price_have_no_cost() {
    let mut prices = prices();
    prices.rates[0].rates.cache_write_1h = None;
    assert_eq!(cost(&prices, &tokens(1, 1, 0, &[("1h", 1)])), Err(UnknownCost::Price));
    assert!(cost(&prices, &tokens(1, 1, 0, &[("5m", 1)])).is_ok());
}

#[test]
fn long_prompt_changes_the_price_of_the_whole_call() {
    assert_eq!(cost(&prices(), &tokens(200_000, 0, 0, &[])), Ok(200_000 * 3000));
    assert_eq!(cost(&prices(), &tokens(200_001, 0, 0, &[])), Ok(200_001 * 6000));
    // Cached tokens are part of the prompt.
    assert_eq!(cost(&prices(), &tokens(1, 0, 200_000, &[])), Ok(6000 + 200_000 * 300));
}

#[test]
fn service_tier_has_its_own_price_or_no_cost() {
    let with_tier = |tier, usage: &TokenUsage| {
        let usage = BilledUsage { tokens: Some(usage), tier: Some(tier), ..BilledUsage::default() };
        compute_cost(&prices(), &usage)
    };
    let usage = tokens(10, 0, 0, &[]);
    assert_eq!(with_tier("default", &usage), Ok(30_000));
    assert_eq!(with_tier("flex", &usage), Ok(15_000));
    assert_eq!(with_tier("reserved", &usage), Err(UnknownCost::Price));
    // The tier has no price for long prompts, which cost more.
    assert_eq!(with_tier("flex", &tokens(200_001, 0, 0, &[])), Err(UnknownCost::Price));
}

#[test]
fn model_with_optimized_latency_has_no_cost() {
    let tokens = tokens(10, 0, 0, &[]);
    let usage = BilledUsage { tokens: Some(&tokens), is_latency_optimized: true, ..BilledUsage::default() };
    assert_eq!(compute_cost(&prices(), &usage), Err(UnknownCost::Price));
}

#[test]
fn images_and_requests_have_prices_of_their_own() {
    let image = ModelPrices { image: Some(40_000_000), ..ModelPrices::default() };
    assert_eq!(compute_cost(&image, &BilledUsage { images: 3, ..BilledUsage::default() }), Ok(120_000_000));
    let request = ModelPrices { request: Some(2_000_000), ..ModelPrices::default() };
    assert_eq!(compute_cost(&request, &BilledUsage::default()), Ok(2_000_000));
}

#[test]
fn call_without_usage_has_no_cost() {
    assert_eq!(compute_cost(&prices(), &BilledUsage::default()), Err(UnknownCost::Usage));
}

#[test]
fn part_of_a_nano_dollar_is_rounded_once() {
    let rates = Rates { input: 262_500, ..Rates::default() };
    let prices = ModelPrices { rates: vec![Rate { rates, ..Rate::default() }], ..ModelPrices::default() };
    assert_eq!(cost(&prices, &tokens(1, 0, 0, &[])), Ok(0));
    assert_eq!(cost(&prices, &tokens(10, 0, 0, &[])), Ok(3));
    assert_eq!(cost(&prices, &tokens(1_000_000, 0, 0, &[])), Ok(262_500));
}

#[test]
fn largest_usage_does_not_overflow() {
    let rates = Rates { input: u64::MAX, ..Rates::default() };
    let prices = ModelPrices { rates: vec![Rate { rates, ..Rate::default() }], ..ModelPrices::default() };
    assert_eq!(cost(&prices, &tokens(i32::MAX, i32::MAX, 0, &[])), Err(UnknownCost::Price));
}

#[test]
fn built_in_table_is_read_and_has_a_date_and_sources() {
    assert!(PriceTable::built_in_source().contains("litellm"), "{}", PriceTable::built_in_source());
    assert!(PriceTable::built_in_source().contains(" of 20"), "{}", PriceTable::built_in_source());
    let table = PriceTable::default();
    assert!(table.find("cohere.rerank-v3-5:0", None).is_some_and(|prices| prices.request.is_some()));
    assert!(table.find("stability.sd3-5-large-v1:0", None).is_some_and(|prices| prices.image.is_some()));
    assert_eq!(table.find("example.unknown", Some("us-east-1")), None);
}

#[test]
fn prefix_and_region_of_a_model_decide_its_price() {
    let table = PriceTable::default();
    let input = |model, region| table.find(model, region).map(|prices| prices.rates[0].rates.input);
    assert_eq!(input("global.anthropic.claude-sonnet-4-6", Some("eu-west-1")), Some(3_000_000_000));
    assert_eq!(input("eu.anthropic.claude-sonnet-4-6", Some("eu-west-1")), Some(3_300_000_000));
    assert_eq!(input("amazon.nova-pro-v1:0", Some("us-east-1")), Some(800_000_000));
    assert_eq!(input("amazon.nova-pro-v1:0", Some("us-gov-west-1")), Some(960_000_000));
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6";
    assert_eq!(input(arn, Some("us-east-1")), Some(3_300_000_000));
    // This ARN does not contain the id of its model.
    assert_eq!(input("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", None), None);
}

#[test]
fn own_price_has_priority_in_its_region() {
    let own = |image| ModelPrices { image: Some(image), ..ModelPrices::default() };
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    let entries = [("amazon.nova-pro-v1:0", 1), ("eu-west-1/amazon.nova-pro-v1:0", 2), (arn, 3)];
    let table = PriceTable::new(entries.map(|(id, image)| (id.to_owned(), own(image))));
    let find = |model, region| table.find(model, region).and_then(|prices| prices.image);
    assert_eq!(find("amazon.nova-pro-v1:0", Some("us-east-1")), Some(1));
    assert_eq!(find("amazon.nova-pro-v1:0", Some("eu-west-1")), Some(2));
    assert_eq!(find(arn, Some("us-east-1")), Some(3));
}
