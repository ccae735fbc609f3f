package io.github.bedrockgrpc;

import com.google.protobuf.ByteString;
import io.github.bedrockgrpc.runtime.v1.Citation;
import io.github.bedrockgrpc.runtime.v1.CitationGeneratedContent;
import io.github.bedrockgrpc.runtime.v1.CitationSourceContent;
import io.github.bedrockgrpc.runtime.v1.CitationsContentBlock;
import io.github.bedrockgrpc.runtime.v1.CitationsDelta;
import io.github.bedrockgrpc.runtime.v1.ContentBlock;
import io.github.bedrockgrpc.runtime.v1.ContentBlockDelta;
import io.github.bedrockgrpc.runtime.v1.ContentBlockStart;
import io.github.bedrockgrpc.runtime.v1.ConverseMetrics;
import io.github.bedrockgrpc.runtime.v1.ConverseResponse;
import io.github.bedrockgrpc.runtime.v1.ConverseStreamMetadataEvent;
import io.github.bedrockgrpc.runtime.v1.ConverseStreamResponse;
import io.github.bedrockgrpc.runtime.v1.ConverseTrace;
import io.github.bedrockgrpc.runtime.v1.ImageBlock;
import io.github.bedrockgrpc.runtime.v1.ImageBlockDelta;
import io.github.bedrockgrpc.runtime.v1.Message;
import io.github.bedrockgrpc.runtime.v1.ReasoningContentBlock;
import io.github.bedrockgrpc.runtime.v1.ReasoningContentBlockDelta;
import io.github.bedrockgrpc.runtime.v1.ReasoningTextBlock;
import io.github.bedrockgrpc.runtime.v1.ToolResultBlock;
import io.github.bedrockgrpc.runtime.v1.ToolResultBlockDelta;
import io.github.bedrockgrpc.runtime.v1.ToolResultContentBlock;
import io.github.bedrockgrpc.runtime.v1.ToolUseBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Joins the events of a stream into the response that Converse would have sent. Blocks without content are left out, because
 * models reject an empty text block in the next turn.
 */
public final class Collector {
  private final ConverseResponse.Builder response = ConverseResponse.newBuilder();
  private final TreeMap<Integer, List<ContentBlock.Builder>> blocks = new TreeMap<>();
  private String role = "assistant";
  private boolean stopped;

  /** Whether {@code messageStop} has arrived. */
  public boolean isComplete() {
    return stopped;
  }

  /** Takes the next event. */
  public void add(ConverseStreamResponse event) {
    switch (event.getMemberCase()) {
      case MESSAGE_START -> role = event.getMessageStart().getRole();
      case CONTENT_BLOCK_START -> {
        var start = event.getContentBlockStart();
        start(at(start.getContentBlockIndex()), start.getStart());
      }
      case CONTENT_BLOCK_DELTA -> {
        var delta = event.getContentBlockDelta();
        delta(at(delta.getContentBlockIndex()), delta.getDelta());
      }
      case MESSAGE_STOP -> {
        stopped = true;
        var stop = event.getMessageStop();
        response.setStopReason(stop.getStopReason());
        if (stop.hasAdditionalModelResponseFieldsJson()) {
          response.setAdditionalModelResponseFieldsJson(stop.getAdditionalModelResponseFieldsJson());
        }
      }
      case METADATA -> metadata(event.getMetadata());
      default -> {}
    }
  }

  /** The response so far. Check {@link #isComplete} first. */
  public ConverseResponse response() {
    var message = Message.newBuilder().setRole(role.isEmpty() ? "assistant" : role);
    for (var list : blocks.values()) {
      for (var block : list) {
        if (block.hasToolUse() && block.getToolUse().getInputJson().isBlank()) {
          block.getToolUseBuilder().setInputJson("{}");
        }
        boolean empty = block.getMemberCase() == ContentBlock.MemberCase.MEMBER_NOT_SET
            || block.hasText() && block.getText().isEmpty();
        if (!empty) {
          message.addContent(block);
        }
      }
    }
    response.getOutputBuilder().setMessage(message);
    return response.build();
  }

  private List<ContentBlock.Builder> at(int index) {
    return blocks.computeIfAbsent(index, i -> new ArrayList<>());
  }

  private void metadata(ConverseStreamMetadataEvent event) {
    if (event.hasUsage()) {
      response.setUsage(event.getUsage());
    }
    if (event.hasMetrics()) {
      response.setMetrics(ConverseMetrics.newBuilder().setLatencyMs(event.getMetrics().getLatencyMs()));
    }
    if (event.hasTrace()) {
      var trace = ConverseTrace.newBuilder();
      if (event.getTrace().hasGuardrail()) {
        trace.setGuardrail(event.getTrace().getGuardrail());
      }
      if (event.getTrace().hasPromptRouter()) {
        trace.setPromptRouter(event.getTrace().getPromptRouter());
      }
      response.setTrace(trace);
    }
    if (event.hasPerformanceConfig()) {
      response.setPerformanceConfig(event.getPerformanceConfig());
    }
    if (event.hasServiceTier()) {
      response.setServiceTier(event.getServiceTier());
    }
  }

  private static void start(List<ContentBlock.Builder> blocks, ContentBlockStart start) {
    switch (start.getMemberCase()) {
      case TOOL_USE -> {
        var use = start.getToolUse();
        var block = ToolUseBlock.newBuilder().setToolUseId(use.getToolUseId()).setName(use.getName()).setInputJson("");
        if (use.hasType()) {
          block.setType(use.getType());
        }
        blocks.add(ContentBlock.newBuilder().setToolUse(block));
      }
      case TOOL_RESULT -> {
        var result = start.getToolResult();
        var block = ToolResultBlock.newBuilder().setToolUseId(result.getToolUseId());
        if (result.hasType()) {
          block.setType(result.getType());
        }
        if (result.hasStatus()) {
          block.setStatus(result.getStatus());
        }
        blocks.add(ContentBlock.newBuilder().setToolResult(block));
      }
      case IMAGE -> {
        var image = ImageBlock.newBuilder().setFormat(start.getImage().getFormat());
        blocks.add(ContentBlock.newBuilder().setImage(image));
      }
      default -> {}
    }
  }

  private static void delta(List<ContentBlock.Builder> blocks, ContentBlockDelta delta) {
    switch (delta.getMemberCase()) {
      case TEXT -> text(blocks, delta.getText());
      case TOOL_USE -> {
        var last = last(blocks);
        if (last != null && last.hasToolUse()) {
          var use = last.getToolUseBuilder();
          use.setInputJson(use.getInputJson() + delta.getToolUse().getInput());
        }
      }
      case REASONING_CONTENT -> reasoning(blocks, delta.getReasoningContent());
      case CITATION -> citation(blocks, delta.getCitation());
      case IMAGE -> {
        var last = last(blocks);
        if (last != null && last.hasImage()) {
          image(last.getImageBuilder(), delta.getImage());
        }
      }
      case TOOL_RESULT -> {
        var last = last(blocks);
        if (last != null && last.hasToolResult()) {
          delta.getToolResult().getValuesList().forEach(part -> toolResult(last.getToolResultBuilder(), part));
        }
      }
      default -> {}
    }
  }

  private static void text(List<ContentBlock.Builder> blocks, String text) {
    var last = last(blocks);
    if (last != null && last.hasText()) {
      last.setText(last.getText() + text);
    } else if (last != null && last.hasCitationsContent()) {
      citedText(last.getCitationsContentBuilder(), text);
    } else {
      blocks.add(ContentBlock.newBuilder().setText(text));
    }
  }

  private static void reasoning(List<ContentBlock.Builder> blocks, ReasoningContentBlockDelta delta) {
    boolean redacted = delta.hasRedactedContent();
    if (!redacted && !delta.hasText() && !delta.hasSignature()) {
      return;
    }
    var last = last(blocks);
    boolean sameKind = last != null && last.hasReasoningContent()
        && last.getReasoningContent().hasRedactedContent() == redacted;
    if (!sameKind) {
      last = ContentBlock.newBuilder().setReasoningContent(ReasoningContentBlock.getDefaultInstance());
      blocks.add(last);
    }
    var content = last.getReasoningContentBuilder();
    if (redacted) {
      content.setRedactedContent(content.getRedactedContent().concat(delta.getRedactedContent()));
      return;
    }
    ReasoningTextBlock.Builder text = content.getReasoningTextBuilder();
    if (delta.hasText()) {
      text.setText(text.getText() + delta.getText());
    } else {
      text.setSignature(text.getSignature() + delta.getSignature());
    }
  }

  /** Adds a citation. The text block that it belongs to becomes a block of cited text. */
  private static void citation(List<ContentBlock.Builder> blocks, CitationsDelta delta) {
    var last = last(blocks);
    if (last == null || !last.hasCitationsContent()) {
      var cited = CitationsContentBlock.newBuilder();
      if (last != null && last.hasText()) {
        citedText(cited, last.getText());
        last.setCitationsContent(cited);
      } else {
        last = ContentBlock.newBuilder().setCitationsContent(cited);
        blocks.add(last);
      }
    }
    var citation = Citation.newBuilder();
    if (delta.hasTitle()) {
      citation.setTitle(delta.getTitle());
    }
    if (delta.hasSource()) {
      citation.setSource(delta.getSource());
    }
    if (delta.hasLocation()) {
      citation.setLocation(delta.getLocation());
    }
    delta.getSourceContentList()
        .forEach(part -> citation.addSourceContent(CitationSourceContent.newBuilder().setText(part.getText())));
    last.getCitationsContentBuilder().addCitations(citation);
  }

  private static void citedText(CitationsContentBlock.Builder cited, String text) {
    if (text.isEmpty()) {
      return;
    }
    int last = cited.getContentCount() - 1;
    String before = last < 0 ? "" : cited.getContent(last).getText();
    var part = CitationGeneratedContent.newBuilder().setText(before + text);
    if (last < 0) {
      cited.addContent(part);
    } else {
      cited.setContent(last, part);
    }
  }

  private static void image(ImageBlock.Builder image, ImageBlockDelta delta) {
    if (delta.hasError()) {
      image.setError(delta.getError());
    }
    if (delta.getSource().hasBytes()) {
      ByteString before = image.getSource().getBytes();
      image.getSourceBuilder().setBytes(before.concat(delta.getSource().getBytes()));
    } else if (delta.hasSource()) {
      image.setSource(delta.getSource());
    }
  }

  private static void toolResult(ToolResultBlock.Builder result, ToolResultBlockDelta part) {
    int last = result.getContentCount() - 1;
    if (part.hasText() && last >= 0 && result.getContent(last).hasText()) {
      var content = result.getContentBuilder(last);
      content.setText(content.getText() + part.getText());
    } else if (part.hasText()) {
      result.addContent(ToolResultContentBlock.newBuilder().setText(part.getText()));
    } else if (part.hasJsonText()) {
      result.addContent(ToolResultContentBlock.newBuilder().setJsonText(part.getJsonText()));
    }
  }

  private static ContentBlock.Builder last(List<ContentBlock.Builder> blocks) {
    return blocks.isEmpty() ? null : blocks.get(blocks.size() - 1);
  }
}
