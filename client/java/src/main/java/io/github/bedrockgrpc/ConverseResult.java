package io.github.bedrockgrpc;

import io.github.bedrockgrpc.runtime.v1.CitationGeneratedContent;
import io.github.bedrockgrpc.runtime.v1.ContentBlock;
import io.github.bedrockgrpc.runtime.v1.ConverseResponse;
import io.github.bedrockgrpc.runtime.v1.Message;
import io.github.bedrockgrpc.runtime.v1.TokenUsage;
import io.grpc.Metadata;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** A complete response and its headers. */
public final class ConverseResult {
  static final Metadata.Key<String> REQUEST_ID = key("x-amzn-requestid");
  private static final Metadata.Key<String> REGION = key("bedrock-grpc-region");
  private static final Metadata.Key<String> ATTEMPTS = key("bedrock-grpc-attempts");

  private final ConverseResponse response;
  private final Metadata headers;

  ConverseResult(ConverseResponse response, Metadata headers) {
    this.response = response;
    this.headers = headers;
  }

  static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** The message as Bedrock sent it. */
  public ConverseResponse response() {
    return response;
  }

  /** The model's message. Append it to the transcript as it is. */
  public Message message() {
    return response.getOutput().getMessage();
  }

  /** All text of the message. Reasoning is not part of it. */
  public String text() {
    return textOf(message());
  }

  /** The tools that the model requests, in order. */
  public List<ToolUse> toolUses() {
    return toolUses(message());
  }

  /** Why the model stopped, in Bedrock's spelling: end_turn, tool_use, max_tokens and others. */
  public String stopReason() {
    return response.getStopReason();
  }

  /** Tokens as Bedrock counts them. */
  public TokenUsage usage() {
    return response.getUsage();
  }

  /** Bedrock's id of the request, which AWS support needs. */
  public Optional<String> requestId() {
    return Optional.ofNullable(headers.get(REQUEST_ID));
  }

  /** The AWS Region that served the request. */
  public Optional<String> region() {
    return Optional.ofNullable(headers.get(REGION));
  }

  /** How many requests the gateway sent to Bedrock; 1 without a retry. */
  public Optional<Integer> attempts() {
    return Optional.ofNullable(headers.get(ATTEMPTS)).map(Integer::valueOf);
  }

  /** All text of a message, without reasoning. */
  public static String textOf(Message message) {
    return message.getContentList().stream().map(ConverseResult::textOf).collect(Collectors.joining());
  }

  /** The tools that a message requests. A tool that Bedrock has run already (server_tool_use) is not among them. */
  public static List<ToolUse> toolUses(Message message) {
    return message.getContentList().stream()
        .filter(ContentBlock::hasToolUse)
        .map(ContentBlock::getToolUse)
        .filter(use -> !use.getType().equals("server_tool_use"))
        .map(use -> new ToolUse(use.getToolUseId(), use.getName(), use.getInputJson().isEmpty() ? "{}" : use.getInputJson()))
        .toList();
  }

  private static String textOf(ContentBlock block) {
    if (block.hasText()) {
      return block.getText();
    }
    return block.getCitationsContent().getContentList().stream()
        .map(CitationGeneratedContent::getText)
        .collect(Collectors.joining());
  }
}
