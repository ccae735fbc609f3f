package io.github.bedrockgrpc;

import static io.github.bedrockgrpc.Bedrock.image;
import static io.github.bedrockgrpc.Bedrock.request;
import static io.github.bedrockgrpc.Bedrock.text;
import static io.github.bedrockgrpc.Bedrock.tool;
import static io.github.bedrockgrpc.Bedrock.user;
import static io.github.bedrockgrpc.Gateway.MODEL;
import static io.github.bedrockgrpc.Gateway.failure;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.bedrockgrpc.runtime.v1.ApplyGuardrailRequest;
import io.github.bedrockgrpc.runtime.v1.AsyncInvokeOutputDataConfig;
import io.github.bedrockgrpc.runtime.v1.AsyncInvokeS3OutputDataConfig;
import io.github.bedrockgrpc.runtime.v1.ContentBlock;
import io.github.bedrockgrpc.runtime.v1.GuardrailContentBlock;
import io.github.bedrockgrpc.runtime.v1.GuardrailTextBlock;
import io.github.bedrockgrpc.runtime.v1.StartAsyncInvokeRequest;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the client sends and returns, over a real gateway. */
class CallsTest {
  private BedrockClient client;

  @BeforeEach
  void connect() {
    client = Gateway.connect();
  }

  @AfterEach
  void close() {
    client.close();
  }

  @Test
  void converseReturnsTextUsageAndHeaders() {
    ConverseResult result = client.converse(request(MODEL, user("Hello")));
    assertTrue(result.text().contains("Hello"));
    assertEquals("end_turn", result.stopReason());
    assertTrue(result.usage().getTotalTokens() > 0);
    assertTrue(result.requestId().isPresent());
    assertEquals("us-east-1", result.region().orElseThrow());
    assertEquals(1, result.attempts().orElseThrow());
  }

  @Test
  void streamCollectsToTheResponseOfConverse() {
    var request = request(MODEL, user("Hello"));
    var pieces = new ArrayList<String>();
    try (ConverseStream stream = client.converseStream(request)) {
      stream.forEachText(pieces::add);
      ConverseResult collected = stream.collect();
      assertTrue(pieces.size() > 1);
      assertEquals(String.join("", pieces), collected.text());
      assertEquals(client.converse(request).message(), collected.message());
      assertTrue(collected.requestId().isPresent());
    }
  }

  @Test
  void streamedToolInputCollectsToTheExactJson() {
    String schema = """
        {"type":"object","properties":{"unit":{"type":"string"},"city":{"type":"string"}},"required":["city"]}""";
    var request = request(MODEL, user("What is the weather in Paris?")).toBuilder();
    request.getToolConfigBuilder().addTools(tool("get_weather", "Current weather for a city", schema));
    var whole = client.converse(request.build()).toolUses();
    try (ConverseStream stream = client.converseStream(request.build())) {
      var uses = stream.collect().toolUses();
      assertEquals(whole.get(0).inputJson(), uses.get(0).inputJson());
      assertTrue(uses.get(0).inputJson().contains("Paris"));
    }
  }

  @Test
  void errorHasReasonDelayAndQuota() {
    try (BedrockClient plain = Gateway.builder().channel(builder -> builder.disableRetry()).build()) {
      BedrockException error = failure(() -> plain.converse(request("fault.throttling", user("Hello"))));
      assertEquals(Status.Code.RESOURCE_EXHAUSTED, error.code());
      assertEquals("THROTTLING", error.reason().orElseThrow());
      assertTrue(error.retryable());
      assertTrue(error.retryDelay().orElseThrow().toMillis() > 0);
      assertFalse(error.quotaViolations().isEmpty());
      assertTrue(error.requestId().isPresent());
      assertEquals("3", error.metadata().get("attempts"));
    }
  }

  @Test
  void wrongFieldIsNamed() {
    var message = user(text("a"), ContentBlock.getDefaultInstance());
    BedrockException error = failure(() -> client.converse(request(MODEL, message)));
    assertEquals(Status.Code.INVALID_ARGUMENT, error.code());
    assertFalse(error.retryable());
    assertEquals("messages[0].content[1]", error.fieldViolations().get(0).getField());
  }

  @Test
  void errorWithinAStreamEndsItAndIsNotRetried() {
    var events = new ArrayList<Object>();
    try (ConverseStream stream = client.converseStream(request("fault.service-unavailable.after.3", user("Hello")))) {
      BedrockException error = failure(() -> stream.forEachRemaining(events::add));
      assertEquals(3, events.size());
      assertEquals("SERVICE_UNAVAILABLE", error.reason().orElseThrow());
      assertEquals("stream", error.metadata().get("phase"));
    }
  }

  @Test
  void throttledCallIsRetriedAfterThePushback() {
    // The gateway sends three requests for the first attempt of the library, and one for each retry of the library.
    ConverseResult result = client.converse(request("fault.flaky.3.throttling", user("Hello from Java")));
    assertEquals(1, result.attempts().orElseThrow());
  }

  @Test
  void deadlineHoldsForAUnaryCallAndAStream() {
    try (BedrockClient hurried = Gateway.builder().timeout(Duration.ofMillis(500)).build()) {
      BedrockException unary = failure(() -> hurried.converse(request("fault.stall", user("Hello"))));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, unary.code());
      try (ConverseStream stream = hurried.converseStream(request("fault.stall.after.2", user("Hello")))) {
        BedrockException error = failure(stream::collect);
        assertEquals(Status.Code.DEADLINE_EXCEEDED, error.code());
        assertTrue(error.requestId().isPresent());
      }
    }
  }

  @Test
  void closeCancelsAStream() {
    try (ConverseStream stream = client.converseStream(request("fault.stall.after.2", user("Hello")))) {
      stream.next();
      stream.next();
      stream.close();
      assertEquals(Status.Code.CANCELLED, failure(stream::collect).code());
    }
  }

  @Test
  void requestWithA10MbImageIsSent() {
    var message = user(text("Describe this picture."), image("png", new byte[10_000_000]));
    assertTrue(client.converse(request(MODEL, message)).text().contains("1 image"));
  }

  @Test
  void responseOf5MbIsReceived() {
    String text = "a@example.com " + "lorem ipsum ".repeat(450_000);
    var block = GuardrailContentBlock.newBuilder().setText(GuardrailTextBlock.newBuilder().setText(text));
    var response = client.stub().applyGuardrail(ApplyGuardrailRequest.newBuilder()
        .setGuardrailIdentifier("guard1").setGuardrailVersion("1").setSource("OUTPUT").addContent(block).build());
    assertTrue(response.getOutputs(0).getText().length() > 5_000_000);
  }

  @Test
  void jobGetsARequestToken() {
    var s3 = AsyncInvokeS3OutputDataConfig.newBuilder().setS3Uri("s3://bucket/");
    var request = StartAsyncInvokeRequest.newBuilder()
        .setModelId("amazon.nova-reel-v1:0")
        .setModelInputJson("{\"a\":1}")
        .setOutputDataConfig(AsyncInvokeOutputDataConfig.newBuilder().setS3OutputDataConfig(s3))
        .build();
    String first = client.startAsyncInvoke(request).getInvocationArn();
    assertNotEquals(first, client.startAsyncInvoke(request).getInvocationArn());
  }

  @Test
  void slowCallOutlivesManyKeepalivePings() {
    var builder = Gateway.builder().timeout(Duration.ofSeconds(120));
    try (BedrockClient slow = builder.channel(b -> b.keepAliveTime(10, TimeUnit.SECONDS)).build()) {
      long started = System.nanoTime();
      ConverseResult result = slow.converse(request("fault.slow.65000", user("Hello")));
      assertTrue(System.nanoTime() - started >= TimeUnit.SECONDS.toNanos(65));
      assertEquals("end_turn", result.stopReason());
    }
  }
}
