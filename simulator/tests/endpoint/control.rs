use serde_json::Value;

use crate::support::Fixture;

fn ids<'a>(answer: &'a Value, list: &str, id: &str) -> Vec<&'a str> {
    answer[list].as_array().unwrap().iter().map(|entry| entry[id].as_str().unwrap()).collect()
}

#[tokio::test]
async fn models_are_listed_and_filtered() {
    let fixture = Fixture::start().await;
    let count = async |query: &str| {
        let answer = fixture.get(&format!("/foundation-models?{query}")).await.json();
        ids(&answer, "modelSummaries", "modelId").len()
    };
    let all = count("").await;
    assert!(all >= 8);
    for query in [
        "byProvider=amazon",
        "byProvider=Mistral%20AI",
        "byOutputModality=EMBEDDING",
        "byInferenceType=PROVISIONED",
        "byCustomizationType=CONTINUED_PRE_TRAINING",
    ] {
        assert!((1..all).contains(&count(query).await), "{query}");
    }
    assert_eq!(count("byProvider=Nobody").await, 0);
    assert_eq!(count("byProvider=Cohere&byOutputModality=TEXT").await, 0);
    let refused = fixture.get("/foundation-models?byOutputModality=SMELL").await;
    assert_eq!(refused.error(), "ValidationException");
}

#[tokio::test]
async fn a_model_is_found_by_id_and_arn() {
    let fixture = Fixture::start().await;
    let id = "amazon.nova-pro-v1%3A0";
    for identifier in [id.to_owned(), format!("arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2F{id}")] {
        let details = fixture.get(&format!("/foundation-models/{identifier}")).await.json()["modelDetails"].take();
        assert_eq!(details["modelId"], "amazon.nova-pro-v1:0");
        assert_eq!(details["modelArn"], "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0");
        assert_eq!(
            (&details["responseStreamingSupported"], &details["modelLifecycle"]["status"]),
            (&true.into(), &"ACTIVE".into())
        );
    }
    let unknown = fixture.get("/foundation-models/nobody.nothing-v1").await;
    assert_eq!((unknown.status.as_u16(), unknown.error()), (404, "ResourceNotFoundException"));
    assert_eq!(fixture.get("/foundation-models/nonsense").await.error(), "ValidationException");
}

#[tokio::test]
async fn profiles_come_in_pages() {
    let fixture = Fixture::start().await;
    let whole = fixture.get("/inference-profiles").await.json();
    let all = ids(&whole, "inferenceProfileSummaries", "inferenceProfileId");
    assert!(all.contains(&"us.anthropic.claude-sonnet-4-20250514-v1:0") && whole.get("nextToken").is_none());
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = fixture.get(&format!("/inference-profiles?maxResults=4{token}")).await.json();
        seen.extend(ids(&page, "inferenceProfileSummaries", "inferenceProfileId").into_iter().map(str::to_owned));
        let Some(next) = page["nextToken"].as_str() else { break };
        token = format!("&nextToken={next}");
    }
    assert_eq!(seen, all);
    let own = fixture.get("/inference-profiles?type=APPLICATION").await.json();
    assert_eq!(own["inferenceProfileSummaries"].as_array().unwrap().len(), 1);
    for query in ["maxResults=0", "type=OTHER", "nextToken=nonsense"] {
        assert_eq!(fixture.get(&format!("/inference-profiles?{query}")).await.error(), "ValidationException");
    }
    assert_eq!(fixture.post("/inference-profiles", "").await.error(), "UnknownOperationException");
}
