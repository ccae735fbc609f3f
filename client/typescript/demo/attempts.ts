/** Reports the attempts of a call that fail, also those that the client retries. */
import { ConnectError, type Interceptor } from "@connectrpc/connect";

import { BedrockError } from "../src/index.js";

/** An interceptor below the retries. `report` gets each error as it comes. */
export function reportFailures(report: (error: BedrockError) => void): Interceptor {
  const fail = (error: unknown): ConnectError => {
    const failure = ConnectError.from(error);
    report(new BedrockError(failure));
    return failure;
  };
  return (next) => async (request) => {
    const response = await next(request).catch((error: unknown) => {
      throw fail(error);
    });
    if (!response.stream) return response;
    const { message } = response;
    async function* messages() {
      try {
        yield* message;
      } catch (error) {
        throw fail(error);
      }
    }
    return { ...response, message: messages() } as typeof response;
  };
}
