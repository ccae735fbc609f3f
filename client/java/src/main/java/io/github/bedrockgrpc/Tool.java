package io.github.bedrockgrpc;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.github.victools.jsonschema.generator.OptionPreset;
import com.github.victools.jsonschema.generator.SchemaGenerator;
import com.github.victools.jsonschema.generator.SchemaGeneratorConfigBuilder;
import com.github.victools.jsonschema.generator.SchemaVersion;
import com.github.victools.jsonschema.module.jackson.JacksonModule;
import com.github.victools.jsonschema.module.jackson.JacksonOption;

/**
 * What the model sees of a tool, and the function that runs it.
 *
 * @param name the name, 1 to 64 characters of {@code [a-zA-Z0-9_-]}
 * @param description what the tool does, for the model
 * @param schema the JSON Schema of the input, as JSON text
 * @param function runs the tool
 */
public record Tool(String name, String description, String schema, Function function) {
  /** Runs a tool with the input as the model wrote it. What it throws goes back to the model as an error. */
  @FunctionalInterface
  public interface Function {
    /** The result goes to {@link Bedrock#toolResult}. */
    Object run(String inputJson) throws Exception;
  }

  /** Runs a tool with its input as a Java value. What it throws goes back to the model as an error. */
  @FunctionalInterface
  public interface TypedFunction<T> {
    /** The result goes to {@link Bedrock#toolResult}. */
    Object run(T input) throws Exception;
  }

  /**
   * A tool whose schema comes from a record or class. Jackson's annotations name, describe and require its members
   * ({@code @JsonProperty(required = true)}, {@code @JsonPropertyDescription}).
   */
  public static <T> Tool of(String name, String description, Class<T> input, TypedFunction<T> function) {
    var jackson = new JacksonModule(JacksonOption.RESPECT_JSONPROPERTY_REQUIRED, JacksonOption.RESPECT_JSONPROPERTY_ORDER);
    var config = new SchemaGeneratorConfigBuilder(Json.MAPPER, SchemaVersion.DRAFT_2020_12, OptionPreset.PLAIN_JSON)
        .with(jackson)
        .without(com.github.victools.jsonschema.generator.Option.SCHEMA_VERSION_INDICATOR)
        .build();
    String schema = new SchemaGenerator(config).generateSchema(input).toString();
    return new Tool(name, description, schema, json -> function.run(parse(json, input)));
  }

  private static <T> T parse(String json, Class<T> type) {
    try {
      return Json.MAPPER.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("the input does not fit the schema: " + e.getOriginalMessage(), e);
    }
  }
}
