//! InvokeModel with models that make vectors and pictures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::Fixture;

fn unit(vector: &Value, dimensions: usize) -> Vec<f64> {
    let numbers: Vec<f64> = serde_json::from_value(vector.clone()).unwrap();
    assert_eq!(numbers.len(), dimensions);
    let norm = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    assert!((norm - 1.0).abs() < 1e-6, "{norm}");
    numbers
}

#[tokio::test]
async fn titan_embeds() {
    let fixture = Fixture::start().await;
    let reply = fixture.invoke("amazon.titan-embed-text-v2:0", json!({ "inputText": "Hello, world" })).await;
    let answer = reply.json();
    let vector = unit(&answer["embedding"], 1024);
    assert_eq!(answer["embeddingsByType"]["float"], answer["embedding"]);
    assert_eq!(answer["inputTextTokenCount"], 3);
    assert_eq!(reply.header("x-amzn-bedrock-input-token-count"), "3");
    assert!(reply.header("x-amzn-bedrock-output-token-count").is_empty());
    let again = fixture.invoke("amazon.titan-embed-text-v2:0", json!({ "inputText": "Hello, world" })).await.json();
    assert_eq!(unit(&again["embedding"], 1024), vector);
    let other = fixture.invoke("amazon.titan-embed-text-v2:0", json!({ "inputText": "world, Hello" })).await.json();
    assert_ne!(unit(&other["embedding"], 1024), vector);

    let request =
        json!({ "inputText": "a", "dimensions": 256, "normalize": true, "embeddingTypes": ["float", "binary"] });
    let answer = fixture.invoke("amazon.titan-embed-text-v2:0", request).await.json();
    unit(&answer["embedding"], 256);
    assert_eq!(answer["embeddingsByType"]["binary"].as_array().unwrap().len(), 256);
    let v1 = fixture.invoke("amazon.titan-embed-text-v1", json!({ "inputText": "a" })).await.json();
    unit(&v1["embedding"], 1536);
    let picture =
        json!({ "inputText": "a", "inputImage": "aGk=", "embeddingConfig": { "outputEmbeddingLength": 384 } });
    let both = fixture.invoke("amazon.titan-embed-image-v1", picture).await.json();
    unit(&both["embedding"], 384);
}

#[tokio::test]
async fn cohere_embeds() {
    let fixture = Fixture::start().await;
    let request = json!({ "texts": ["Hello", "World"], "input_type": "search_document" });
    let v3 = fixture.invoke("cohere.embed-english-v3", request.clone()).await;
    assert_eq!(v3.header("x-amzn-bedrock-input-token-count"), "2");
    let v3 = v3.json();
    assert_eq!((&v3["response_type"], &v3["texts"][0]), (&json!("embeddings_floats"), &json!("hello")));
    assert_ne!(unit(&v3["embeddings"][0], 1024), unit(&v3["embeddings"][1], 1024));
    let v4 = fixture.invoke("us.cohere.embed-v4:0", request).await.json();
    unit(&v4["embeddings"]["float"][0], 1536);
    assert_eq!(v4["response_type"], "embeddings_by_type");
    let kinds = ["int8", "uint8", "binary", "ubinary"];
    let kinds = json!({ "texts": ["a"], "input_type": "search_query", "embedding_types": kinds });
    let kinds = fixture.invoke("cohere.embed-multilingual-v3", kinds).await.json();
    assert_eq!(kinds["embeddings"]["int8"][0].as_array().unwrap().len(), 1024);
    assert_eq!(kinds["embeddings"]["ubinary"][0].as_array().unwrap().len(), 128);
}

#[tokio::test]
async fn nova_embeds() {
    let fixture = Fixture::start().await;
    let embed = async |member: &str, content: Value| {
        let mut params = json!({ "embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 384 });
        params[member] = content;
        let request = json!({ "taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params });
        fixture.invoke("amazon.nova-2-multimodal-embeddings-v1:0", request).await
    };
    let text = embed("text", json!({ "truncationMode": "END", "value": "Hello" })).await.json();
    assert_eq!(text["embeddings"][0]["embeddingType"], "TEXT");
    unit(&text["embeddings"][0]["embedding"], 384);
    let source = json!({ "bytes": "aGk=" });
    let image = embed("image", json!({ "format": "png", "source": source })).await.json();
    assert_eq!(image["embeddings"][0]["embeddingType"], "IMAGE");
    let video = json!({ "format": "mp4", "embeddingMode": "AUDIO_VIDEO_SEPARATE", "source": source });
    assert_eq!(embed("video", video).await.json()["embeddings"].as_array().unwrap().len(), 2);
    let segmented = json!({ "taskType": "SEGMENTED_EMBEDDING", "segmentedEmbeddingParams": {} });
    assert_eq!(
        fixture.invoke("amazon.nova-2-multimodal-embeddings-v1:0", segmented).await.error(),
        "ValidationException"
    );
}

#[tokio::test]
async fn pictures_are_png_and_follow_the_prompt() {
    let fixture = Fixture::start().await;
    let canvas = async |text: &str, count: u32| -> Vec<Vec<u8>> {
        let config = json!({ "numberOfImages": count, "width": 1024, "height": 1024 });
        let request =
            json!({ "taskType": "TEXT_IMAGE", "textToImageParams": { "text": text }, "imageGenerationConfig": config });
        let answer = fixture.invoke("amazon.nova-canvas-v1:0", request).await.json();
        let images = answer["images"].as_array().unwrap().iter();
        images.map(|image| STANDARD.decode(image.as_str().unwrap()).unwrap()).collect()
    };
    let cats = canvas("a cat", 2).await;
    assert_eq!(cats.len(), 2);
    assert_ne!(cats[0], cats[1]);
    assert!(cats[0].starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(cats[0], canvas("a cat", 1).await[0]);
    assert_ne!(cats[0], canvas("a dog", 1).await[0]);
    let stable = fixture.invoke("stability.stable-image-core-v1:1", json!({ "prompt": "a cat" })).await.json();
    assert!(stable["images"][0].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert_eq!(stable["finish_reasons"], json!([null]));
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let fixture = Fixture::start().await;
    for (model, body, message) in [
        ("amazon.titan-embed-text-v2:0", json!({}), "#: required key [inputText] not found"),
        ("amazon.titan-embed-text-v2:0", json!({ "inputText": "" }), "expected minLength: 1, actual: 0"),
        (
            "amazon.titan-embed-text-v2:0",
            json!({ "inputText": 1 }),
            "#/inputText: expected type: String, found: Integer",
        ),
        ("amazon.titan-embed-text-v2:0", json!({ "inputText": "a", "dimensions": 3 }), "#/dimensions: 3 is not"),
        ("amazon.titan-embed-text-v1", json!({ "inputText": "a", "dimensions": 256 }), "extraneous key [dimensions]"),
        ("amazon.titan-embed-image-v1", json!({}), "[inputText] or [inputImage]"),
        ("cohere.embed-english-v3", json!({ "texts": ["a"] }), "required key [input_type]"),
        (
            "cohere.embed-english-v3",
            json!({ "texts": ["a"], "input_type": "clustering", "max_tokens": 1 }),
            "extraneous key [max_tokens]",
        ),
        ("amazon.nova-canvas-v1:0", json!({ "taskType": "PAINT" }), "PAINT is not a valid enum value"),
        ("amazon.nova-canvas-v1:0", json!({ "taskType": "TEXT_IMAGE" }), "required key [textToImageParams]"),
        ("stability.sd3-5-large-v1:0", json!({ "text": "a" }), "required key [prompt]"),
        ("stability.sd3-5-large-v1:0", json!({ "prompt": "a", "output_format": "webp" }), "webp is not a valid"),
    ] {
        let reply = fixture.invoke(model, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (400, "ValidationException"), "{model} {body}");
        assert!(reply.message().contains(message), "{model} {body}: {}", reply.message());
    }
    let streamed = fixture.invoke_stream("amazon.titan-embed-text-v2:0", json!({ "inputText": "a" })).await;
    assert_eq!(streamed.message(), "The model is unsupported for streaming.");
}
