/** Retries as gRPC libraries make them: by the shared service config, by status, and as the server's pushback says. */
import { Code, ConnectError, type Interceptor, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";

import { serviceConfig } from "./gen/service-config.js";

/** The retry policy of a method. https://github.com/grpc/proposal/blob/master/A6-client-retries.md */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly backoffMultiplier: number;
  readonly codes: ReadonlySet<Code>;
}

/** The policy of a method, or undefined if it must not be retried. */
export function retryPolicyOf(service: string, method: string): RetryPolicy | undefined {
  const entry = methodConfig(service, method)?.retryPolicy;
  if (entry === undefined) return undefined;
  return {
    maxAttempts: entry.maxAttempts,
    initialBackoffMs: seconds(entry.initialBackoff) * 1000,
    maxBackoffMs: seconds(entry.maxBackoff) * 1000,
    backoffMultiplier: entry.backoffMultiplier,
    codes: new Set(entry.retryableStatusCodes.map(codeOf)),
  };
}

/** The timeout of a method in milliseconds, if the service config has one. */
export function timeoutOf(service: string, method: string): number | undefined {
  const timeout = methodConfig(service, method)?.timeout;
  return timeout === undefined ? undefined : seconds(timeout) * 1000;
}

/**
 * Retries a call until its headers arrive. The gateway sends none before Bedrock's first event, so that nothing is retried
 * that has been paid for. A call with a streamed request is never retried.
 */
export function retryInterceptor(policyOf: typeof retryPolicyOf = retryPolicyOf): Interceptor {
  const budget = new RetryBudget();
  return (next) => async (request) => {
    const policy = policyOf(request.service.typeName, request.method.name);
    const clientStreams = request.method.methodKind === "client_streaming" || request.method.methodKind === "bidi_streaming";
    if (policy === undefined || clientStreams) return next(request);
    if (!request.stream) {
      return retry(policy, budget, request.signal, async (previous) => next(withAttempts(request, previous)));
    }
    // A request of a server stream is an iterable of one message, which can be read once.
    const messages: unknown[] = [];
    for await (const message of request.message) messages.push(message);
    return retry(policy, budget, request.signal, async (previous) => {
      const replay = { ...request, message: iterate(messages) } as typeof request;
      return peekFirst(await next(withAttempts(replay, previous)));
    });
  };
}

/**
 * gRPC's retry throttling: each failure that could be retried takes a token, each success gives back a part of one, and there
 * are retries only while more than half of the tokens are left. So a broken gateway is not flooded.
 */
class RetryBudget {
  readonly #throttling = serviceConfig.retryThrottling;
  #tokens: number = this.#throttling.maxTokens;

  recordSuccess(): void {
    this.#tokens = Math.min(this.#tokens + this.#throttling.tokenRatio, this.#throttling.maxTokens);
  }

  /** Whether a retry is allowed after another failure. */
  recordFailure(): boolean {
    this.#tokens = Math.max(this.#tokens - 1, 0);
    return this.#tokens > this.#throttling.maxTokens / 2;
  }
}

/** Marks the call as a retry. The gateway then sends only one request, so that attempts do not multiply (gRFC A6). */
function withAttempts<R extends { readonly header: Headers }>(request: R, previousAttempts: number): R {
  if (previousAttempts > 0) request.header.set("grpc-previous-rpc-attempts", String(previousAttempts));
  return request;
}

async function retry<T>(
  policy: RetryPolicy,
  budget: RetryBudget,
  signal: AbortSignal,
  attempt: (previousAttempts: number) => Promise<T>,
): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      const response = await attempt(attempts - 1);
      budget.recordSuccess();
      return response;
    } catch (error) {
      const failure = ConnectError.from(error);
      if (!policy.codes.has(failure.code)) throw failure;
      const pushback = failure.metadata.get("grpc-retry-pushback-ms");
      const isForbidden = pushback !== null && !/^\d+$/.test(pushback);
      const isAllowed = budget.recordFailure() && !isForbidden;
      if (attempts >= policy.maxAttempts || !isAllowed || signal.aborted) throw failure;
      const ceiling = Math.min(policy.initialBackoffMs * policy.backoffMultiplier ** (attempts - 1), policy.maxBackoffMs);
      await sleep(pushback === null ? Math.random() * ceiling : Number(pushback), signal, failure);
    }
  }
}

/** Awaits the first message, so that a failure before it is a failure of the call. */
async function peekFirst(response: UnaryResponse | StreamResponse): Promise<UnaryResponse | StreamResponse> {
  if (!response.stream) return response;
  const messages = response.message[Symbol.asyncIterator]();
  const first = await messages.next();
  async function* replay() {
    if (first.done) return;
    try {
      yield first.value;
      for (let next = await messages.next(); !next.done; next = await messages.next()) yield next.value;
    } finally {
      await messages.return?.();
    }
  }
  return { ...response, message: replay() } as StreamResponse;
}

async function* iterate(messages: readonly unknown[]) {
  yield* messages;
}

function sleep(ms: number, signal: AbortSignal, failure: ConnectError): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(failure);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

interface MethodConfig {
  readonly name: readonly { readonly service: string; readonly method?: string }[];
  readonly timeout?: string;
  readonly retryPolicy?: {
    readonly maxAttempts: number;
    readonly initialBackoff: string;
    readonly maxBackoff: string;
    readonly backoffMultiplier: number;
    readonly retryableStatusCodes: readonly string[];
  };
}

/** The entry that names the method, else the one that names its service. */
function methodConfig(service: string, method: string): MethodConfig | undefined {
  const entries = serviceConfig.methodConfig as readonly MethodConfig[];
  const find = (wanted: string | undefined) =>
    entries.find((entry) => entry.name.some((name) => name.service === service && name.method === wanted));
  return find(method) ?? find(undefined);
}

function seconds(duration: string): number {
  return Number(duration.replace(/s$/, ""));
}

/** `RESOURCE_EXHAUSTED` -> Code.ResourceExhausted. */
function codeOf(name: string): Code {
  const pascal = name.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Code[pascal as keyof typeof Code];
}
