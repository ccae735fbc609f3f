package io.github.bedrockgrpc;

import com.google.protobuf.ByteString;
import io.github.bedrockgrpc.runtime.v1.CachePointBlock;
import io.github.bedrockgrpc.runtime.v1.ContentBlock;
import io.github.bedrockgrpc.runtime.v1.ConverseRequest;
import io.github.bedrockgrpc.runtime.v1.DocumentBlock;
import io.github.bedrockgrpc.runtime.v1.DocumentSource;
import io.github.bedrockgrpc.runtime.v1.ImageBlock;
import io.github.bedrockgrpc.runtime.v1.ImageSource;
import io.github.bedrockgrpc.runtime.v1.Message;
import io.github.bedrockgrpc.runtime.v1.SystemContentBlock;
import io.github.bedrockgrpc.runtime.v1.Tool;
import io.github.bedrockgrpc.runtime.v1.ToolInputSchema;
import io.github.bedrockgrpc.runtime.v1.ToolResultBlock;
import io.github.bedrockgrpc.runtime.v1.ToolResultContentBlock;
import io.github.bedrockgrpc.runtime.v1.ToolSpecification;
import java.util.List;

/** Builders for the messages that are long to write by hand. Import them statically. */
public final class Bedrock {
  private Bedrock() {}

  /** A Converse request for a model and a transcript. Call {@code toBuilder()} to set more. */
  public static ConverseRequest request(String modelId, Message... messages) {
    return ConverseRequest.newBuilder().setModelId(modelId).addAllMessages(List.of(messages)).build();
  }

  /** A message of the user with one text. */
  public static Message user(String text) {
    return user(text(text));
  }

  /** A message of the user. */
  public static Message user(ContentBlock... content) {
    return Message.newBuilder().setRole("user").addAllContent(List.of(content)).build();
  }

  /** A message of the model. */
  public static Message assistant(ContentBlock... content) {
    return Message.newBuilder().setRole("assistant").addAllContent(List.of(content)).build();
  }

  /** A text block. Bedrock rejects blank text. */
  public static ContentBlock text(String text) {
    return ContentBlock.newBuilder().setText(text).build();
  }

  /** A block of the system prompt. */
  public static SystemContentBlock system(String text) {
    return SystemContentBlock.newBuilder().setText(text).build();
  }

  /** An image. Formats: png, jpeg, gif, webp. */
  public static ContentBlock image(String format, byte[] bytes) {
    var source = ImageSource.newBuilder().setBytes(ByteString.copyFrom(bytes));
    return ContentBlock.newBuilder().setImage(ImageBlock.newBuilder().setFormat(format).setSource(source)).build();
  }

  /** A document (pdf, csv, doc, docx, xls, xlsx, html, txt, md). Bedrock wants a text block in the same message. */
  public static ContentBlock document(String format, String name, byte[] bytes) {
    var source = DocumentSource.newBuilder().setBytes(ByteString.copyFrom(bytes));
    var block = DocumentBlock.newBuilder().setFormat(format).setName(name).setSource(source);
    return ContentBlock.newBuilder().setDocument(block).build();
  }

  /** A point up to which Bedrock caches the prompt. */
  public static ContentBlock cachePoint() {
    return ContentBlock.newBuilder().setCachePoint(CachePointBlock.newBuilder().setType("default")).build();
  }

  /**
   * A tool that the model may request. Bedrock caches prompts by their exact text, tools first, so the text of the schema is
   * sent as it is.
   *
   * @param jsonSchema the JSON Schema of the tool's input, as JSON text
   */
  public static Tool tool(String name, String description, String jsonSchema) {
    var schema = ToolInputSchema.newBuilder().setJsonText(jsonSchema);
    var spec = ToolSpecification.newBuilder().setName(name).setInputSchema(schema);
    if (!description.isEmpty()) {
      spec.setDescription(description);
    }
    return Tool.newBuilder().setToolSpec(spec).build();
  }

  /**
   * The result of a tool. A string becomes text, any other value JSON. Bedrock wants a JSON object, so another JSON value
   * becomes {@code {"result": value}}.
   */
  public static ContentBlock toolResult(String toolUseId, Object result) {
    var content = ToolResultContentBlock.newBuilder();
    if (result instanceof String text) {
      content.setText(text);
    } else {
      String json = Json.write(result);
      content.setJsonText(json.startsWith("{") ? json : "{\"result\":" + json + "}");
    }
    return block(ToolResultBlock.newBuilder().setToolUseId(toolUseId).addContent(content));
  }

  /** The result of a tool that failed. The model sees the text. */
  public static ContentBlock toolError(String toolUseId, String text) {
    var content = ToolResultContentBlock.newBuilder().setText(text);
    return block(ToolResultBlock.newBuilder().setToolUseId(toolUseId).setStatus("error").addContent(content));
  }

  private static ContentBlock block(ToolResultBlock.Builder result) {
    return ContentBlock.newBuilder().setToolResult(result).build();
  }
}
