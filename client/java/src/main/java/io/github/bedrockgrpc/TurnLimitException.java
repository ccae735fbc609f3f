package io.github.bedrockgrpc;

import io.github.bedrockgrpc.runtime.v1.Message;
import java.util.List;

/** The model still requested tools after the last turn of a {@link ToolLoop}. */
public final class TurnLimitException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final transient List<Message> messages;

  TurnLimitException(int turns, List<Message> messages) {
    super("the model still requests tools after " + turns + " responses");
    this.messages = messages;
  }

  /** The transcript up to that point. */
  public List<Message> messages() {
    return messages;
  }
}
