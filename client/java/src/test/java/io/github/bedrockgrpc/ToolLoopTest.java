package io.github.bedrockgrpc;

import static io.github.bedrockgrpc.Bedrock.request;
import static io.github.bedrockgrpc.Bedrock.tool;
import static io.github.bedrockgrpc.Bedrock.user;
import static io.github.bedrockgrpc.Gateway.MODEL;
import static io.github.bedrockgrpc.Gateway.failure;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.github.bedrockgrpc.runtime.v1.Message;
import io.github.bedrockgrpc.runtime.v1.ToolResultBlock;
import io.grpc.Status;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The tool loop, over a real gateway. */
class ToolLoopTest {
  private static final Message QUESTION = user("What is the weather in Paris?");
  private BedrockClient client;

  record Place(@JsonProperty(required = true) @JsonPropertyDescription("The city's name") String city) {}

  @BeforeEach
  void connect() {
    client = Gateway.connect();
  }

  @AfterEach
  void close() {
    client.close();
  }

  private static Tool weather(Tool.TypedFunction<Place> function) {
    return Tool.of("get_weather", "Current weather for a city", Place.class, function);
  }

  private static Tool sunny() {
    return weather(place -> Map.of("city", place.city(), "celsius", 18));
  }

  private static ToolResultBlock result(List<Message> messages, int index) {
    return messages.get(2).getContent(index).getToolResult();
  }

  @Test
  void schemaComesFromTheRecord() throws Exception {
    var schema = Json.read(sunny().schema());
    assertEquals("object", schema.get("type").asText());
    assertEquals("city", schema.get("required").get(0).asText());
    assertEquals("The city's name", schema.get("properties").get("city").get("description").asText());
  }

  @Test
  void loopRunsAToolAndStreamsText() {
    var streamed = new StringBuilder();
    var request = request(MODEL, QUESTION);
    ToolLoop.Result done = new ToolLoop(client, sunny()).onText(streamed::append).run(request);
    assertEquals(2, done.turns());
    assertTrue(done.text().contains("18"));
    assertTrue(streamed.toString().contains(done.text()));
    assertEquals(List.of("user", "assistant", "user", "assistant"), done.messages().stream().map(Message::getRole).toList());
  }

  @Test
  void toolThatThrowsBecomesAnErrorResult() {
    Tool broken = weather(place -> {
      throw new IllegalStateException("the station is down");
    });
    ToolLoop.Result done = new ToolLoop(client, broken).run(request(MODEL, QUESTION));
    assertEquals("error", result(done.messages(), 0).getStatus());
    assertTrue(result(done.messages(), 0).getContent(0).getText().contains("the station is down"));
  }

  @Test
  void twoToolsRunAtTheSameTime() {
    var both = new CyclicBarrier(2);
    Tool weather = weather(place -> {
      both.await(10, TimeUnit.SECONDS);
      return "sunny";
    });
    Tool time = Tool.of("get_time", "Current time in a city", Place.class, place -> {
      both.await(10, TimeUnit.SECONDS);
      return "noon";
    });
    var request = request(MODEL, user("Call get_weather and get_time for Paris"));
    ToolLoop.Result done = new ToolLoop(client, weather, time).run(request);
    assertEquals("sunny", result(done.messages(), 0).getContent(0).getText());
    assertEquals("noon", result(done.messages(), 1).getContent(0).getText());
  }

  @Test
  void toolThatDoesNotExistBecomesAnErrorResult() {
    var request = request(MODEL, QUESTION).toBuilder();
    request.getToolConfigBuilder()
        .addTools(tool("get_weather", "Current weather for a city", "{\"type\":\"object\",\"properties\":{}}"));
    ToolLoop.Result done = new ToolLoop(client).run(request.build());
    assertEquals("error", result(done.messages(), 0).getStatus());
    assertTrue(result(done.messages(), 0).getContent(0).getText().contains("there is no tool \"get_weather\""));
  }

  @Test
  void turnLimitEndsTheLoopWithTheTranscript() {
    var limited = new ToolLoop(client, sunny()).maxTurns(1);
    var limit = assertThrows(TurnLimitException.class, () -> limited.run(request(MODEL, QUESTION)));
    assertEquals(2, limit.messages().size());
  }

  @Test
  void approveCanChangeAndRejectACall() {
    var loop = new ToolLoop(client, sunny());
    loop.approve(use -> Optional.of(new ToolUse(use.id(), use.name(), "{\"city\":\"Oslo\"}")));
    assertTrue(result(loop.run(request(MODEL, QUESTION)).messages(), 0).getContent(0).getJsonText().contains("Oslo"));
    loop.approve(use -> Optional.empty());
    assertEquals("error", result(loop.run(request(MODEL, QUESTION)).messages(), 0).getStatus());
  }

  @Test
  void interruptEndsTheLoopAndTheTool() throws Exception {
    var started = new CountDownLatch(1);
    var stopped = new CountDownLatch(1);
    Tool slow = weather(place -> {
      started.countDown();
      try {
        Thread.sleep(60_000);
      } catch (InterruptedException e) {
        stopped.countDown();
      }
      return "";
    });
    var code = new Status.Code[1];
    Thread loop = new Thread(() -> code[0] = failure(() -> new ToolLoop(client, slow).run(request(MODEL, QUESTION))).code());
    loop.start();
    assertTrue(started.await(10, TimeUnit.SECONDS));
    loop.interrupt();
    loop.join(10_000);
    assertEquals(Status.Code.CANCELLED, code[0]);
    assertTrue(stopped.await(10, TimeUnit.SECONDS));
  }

  @Test
  void streamCutWithinToolInputIsAnError() {
    var loop = new ToolLoop(client, sunny()).onText(text -> {});
    BedrockException error = failure(() -> loop.run(request("fault.cut.after.4", QUESTION)));
    assertEquals(Status.Code.UNAVAILABLE, error.code());
    assertEquals("STREAM_TRUNCATED", error.reason().orElseThrow());
  }
}
