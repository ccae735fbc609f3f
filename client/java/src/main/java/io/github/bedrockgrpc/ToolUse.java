package io.github.bedrockgrpc;

/**
 * A tool that the model requests.
 *
 * @param id the id that the result must carry
 * @param name the tool's name
 * @param inputJson the input exactly as the model wrote it
 */
public record ToolUse(String id, String name, String inputJson) {}
