package io.github.bedrockgrpc;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.github.bedrockgrpc.runtime.v1.ContentBlock;
import io.github.bedrockgrpc.runtime.v1.ConverseRequest;
import io.github.bedrockgrpc.runtime.v1.Message;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Runs tools until the model stops. An unknown tool, invalid input, and a tool that throws become tool results with
 * {@code status: error}, so that the model can react.
 */
public final class ToolLoop {
  /** How often the model may respond. A model that calls tools in a circle costs money each time. */
  public static final int DEFAULT_MAX_TURNS = 10;

  /** How many tools of one response run at a time. */
  public static final int DEFAULT_MAX_PARALLEL = 8;

  private final BedrockClient client;
  private final Map<String, Tool> tools = new LinkedHashMap<>();
  private int maxTurns = DEFAULT_MAX_TURNS;
  private int maxParallel = DEFAULT_MAX_PARALLEL;
  private java.util.function.Function<ToolUse, Optional<ToolUse>> approve = Optional::of;
  private Consumer<String> onText;

  /** A loop over these tools. */
  public ToolLoop(BedrockClient client, Tool... tools) {
    this.client = client;
    for (Tool tool : tools) {
      this.tools.put(tool.name(), tool);
    }
  }

  /** Limits how often the model may respond. */
  public ToolLoop maxTurns(int turns) {
    maxTurns = turns;
    return this;
  }

  /** Limits how many tools of one response run at a time. */
  public ToolLoop maxParallel(int tools) {
    maxParallel = tools;
    return this;
  }

  /** Sees each requested call before it runs. Returns the call to run (this one or a changed one); empty rejects it. */
  public ToolLoop approve(java.util.function.Function<ToolUse, Optional<ToolUse>> approve) {
    this.approve = approve;
    return this;
  }

  /** Streams the responses and passes on the pieces of text as they arrive. */
  public ToolLoop onText(Consumer<String> onText) {
    this.onText = onText;
    return this;
  }

  /**
   * How a loop ended.
   *
   * @param last the model's last response
   * @param messages the whole transcript, the last response included
   * @param turns how often the model responded
   */
  public record Result(ConverseResult last, List<Message> messages, int turns) {
    /** The text of the last response. */
    public String text() {
      return last.text();
    }
  }

  /**
   * Sends the request, runs the tools that the model requests, and repeats until the model stops. Interrupting the thread ends
   * the running call and interrupts the tools.
   *
   * @throws TurnLimitException if the model still requests tools after the last turn
   * @throws BedrockException if a call fails, or with CANCELLED if the thread is interrupted
   */
  public Result run(ConverseRequest request) {
    ConverseRequest.Builder current = declare(request.toBuilder());
    ExecutorService executor = Executors.newFixedThreadPool(maxParallel, ToolLoop::daemon);
    try {
      for (int turns = 1; ; turns++) {
        ConverseResult result = turn(current.build());
        current.addMessages(result.message());
        List<ToolUse> uses = result.toolUses();
        if (!result.stopReason().equals("tool_use") || uses.isEmpty()) {
          return new Result(result, current.getMessagesList(), turns);
        }
        if (turns >= maxTurns) {
          throw new TurnLimitException(turns, current.getMessagesList());
        }
        current.addMessages(Bedrock.user(runAll(executor, uses).toArray(ContentBlock[]::new)));
        forgetForcedTool(current);
      }
    } finally {
      executor.shutdownNow();
    }
  }

  private static Thread daemon(Runnable run) {
    Thread thread = new Thread(run, "bedrock-tool");
    thread.setDaemon(true);
    return thread;
  }

  private ConverseRequest.Builder declare(ConverseRequest.Builder request) {
    var declared = request.getToolConfig().getToolsList().stream()
        .map(tool -> tool.getToolSpec().getName())
        .collect(Collectors.toSet());
    tools.values().stream()
        .filter(tool -> !declared.contains(tool.name()))
        .map(tool -> Bedrock.tool(tool.name(), tool.description(), tool.schema()))
        .forEach(tool -> request.getToolConfigBuilder().addTools(tool));
    return request;
  }

  /** A forced tool would be forced again in each turn, without end. */
  private static void forgetForcedTool(ConverseRequest.Builder request) {
    var choice = request.getToolConfig().getToolChoice();
    if (choice.hasAny() || choice.hasTool()) {
      request.getToolConfigBuilder().clearToolChoice();
    }
  }

  private ConverseResult turn(ConverseRequest request) {
    if (onText == null) {
      return client.converse(request);
    }
    try (ConverseStream stream = client.converseStream(request)) {
      stream.forEachText(onText);
      return stream.collect();
    }
  }

  /** Runs the tools of one response. The results have the order of the requests. */
  private List<ContentBlock> runAll(ExecutorService executor, List<ToolUse> uses) {
    var running = new ArrayList<Future<ContentBlock>>();
    for (ToolUse use : uses) {
      Optional<ToolUse> approved = approve.apply(use);
      running.add(executor.submit(() -> approved
          .map(call -> runOne(use.id(), call))
          .orElseGet(() -> Bedrock.toolError(use.id(), "The call was rejected."))));
    }
    var results = new ArrayList<ContentBlock>();
    try {
      for (Future<ContentBlock> result : running) {
        results.add(result.get());
      }
      return results;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw BedrockException.from(Status.CANCELLED.withDescription("the tool loop was interrupted").asRuntimeException());
    } catch (ExecutionException e) {
      throw new IllegalStateException("a tool ended with an error of the JVM", e.getCause());
    }
  }

  private ContentBlock runOne(String id, ToolUse use) {
    Tool tool = tools.get(use.name());
    if (tool == null) {
      String names = tools.keySet().stream().sorted().collect(Collectors.joining(", "));
      return Bedrock.toolError(id, "there is no tool \"" + use.name() + "\"; the tools are: " + names);
    }
    try {
      Json.read(use.inputJson());
      Object result = tool.function().run(use.inputJson());
      return Bedrock.toolResult(id, result == null ? "" : result);
    } catch (JsonProcessingException e) {
      return Bedrock.toolError(id, "the input is not valid JSON");
    } catch (Exception e) {
      return Bedrock.toolError(id, e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }
}
