package io.github.bedrockgrpc;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;

/** JSON text for documents. Jackson keeps the order of keys. */
final class Json {
  static final ObjectMapper MAPPER = JsonMapper.builder().findAndAddModules().build();

  private Json() {}

  /** JSON text of any value that Jackson can write. */
  static String write(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("the value has no JSON form: " + e.getOriginalMessage(), e);
    }
  }

  /** The value of JSON text. */
  static JsonNode read(String text) throws JsonProcessingException {
    return MAPPER.readTree(text);
  }
}
