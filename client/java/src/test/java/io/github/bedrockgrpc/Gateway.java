package io.github.bedrockgrpc;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import org.junit.jupiter.api.function.Executable;

/** The gateway that client/with-gateway started. */
final class Gateway {
  static final String MODEL = "demo.model";

  private Gateway() {}

  static BedrockClient connect() {
    return builder().build();
  }

  static BedrockClient.Builder builder() {
    String target = System.getenv("BEDROCK_GRPC_TARGET");
    assumeTrue(target != null, "run the tests with client/with-gateway, which starts a gateway");
    return BedrockClient.builder(target).timeout(Duration.ofSeconds(60));
  }

  static BedrockException failure(Executable call) {
    return assertThrows(BedrockException.class, call);
  }
}
