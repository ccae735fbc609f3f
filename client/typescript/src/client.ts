/** The client, over any transport of Connect. `connect` of `./node.js` or `./web.js` makes one with good defaults. */
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createClient,
  type CallOptions,
  type Client as ConnectClient,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";

import type { ConverseRequestInit } from "./build.js";
import { Collector } from "./collect.js";
import { BedrockError } from "./errors.js";
import {
  BedrockRuntimeService,
  ConverseRequestSchema,
  ConverseStreamRequestSchema,
  type ConverseStreamResponse,
  StartAsyncInvokeRequestSchema,
  type StartAsyncInvokeResponse,
} from "./gen/runtime.js";
import { ConverseResult } from "./read.js";
import { retryInterceptor, timeoutOf } from "./retry.js";

/** What both transports take. */
export interface ConnectOptions {
  /** Sent as `authorization: Bearer`. */
  token?: string;
  /** Sent as `x-api-key`. */
  apiKey?: string;
  /** Further headers of each call. */
  headers?: Record<string, string>;
  /** Further interceptors. They see each call before the retries. */
  interceptors?: Interceptor[];
}

/** The interceptors of a transport: headers, then the shared retry policy. */
export function defaultInterceptors(options: ConnectOptions): Interceptor[] {
  const headers = { ...options.headers };
  if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
  if (options.apiKey !== undefined) headers["x-api-key"] = options.apiKey;
  const addHeaders: Interceptor = (next) => (request) => {
    for (const [key, value] of Object.entries(headers)) request.header.set(key, value);
    return next(request);
  };
  return [...(options.interceptors ?? []), addHeaders, retryInterceptor()];
}

/** Calls a gateway. */
export class Client {
  /** The generated client, for every operation. Pass its errors to `BedrockError.from`. */
  readonly runtime: ConnectClient<typeof BedrockRuntimeService>;

  constructor(readonly transport: Transport) {
    this.runtime = createClient(BedrockRuntimeService, transport);
  }

  /** Sends messages to a model and returns its complete response. Throws `BedrockError`. */
  async converse(request: ConverseRequestInit, options: CallOptions = {}): Promise<ConverseResult> {
    let headers = new Headers();
    try {
      const response = await this.runtime.converse(create(ConverseRequestSchema, request), {
        ...withTimeout("Converse", options),
        onHeader: (found) => {
          headers = found;
          options.onHeader?.(found);
        },
      });
      return new ConverseResult(response, headers);
    } catch (error) {
      throw BedrockError.from(error, headers);
    }
  }

  /**
   * Starts a job whose result is written to S3. A request without a `clientRequestToken` gets one, so that a retry of the
   * gateway starts no second job. Throws `BedrockError`.
   */
  async startAsyncInvoke(
    request: MessageInitShape<typeof StartAsyncInvokeRequestSchema>,
    options: CallOptions = {},
  ): Promise<StartAsyncInvokeResponse> {
    const message = create(StartAsyncInvokeRequestSchema, request);
    const clientRequestToken = message.clientRequestToken || crypto.randomUUID();
    try {
      return await this.runtime.startAsyncInvoke({ ...message, clientRequestToken }, withTimeout("StartAsyncInvoke", options));
    } catch (error) {
      throw BedrockError.from(error);
    }
  }

  /**
   * Sends messages to a model and streams its response. Takes the request of `converse`, because both have equal fields.
   * Leaving the `for await` early, or `cancel`, stops the generation.
   */
  converseStream(request: ConverseRequestInit, options: CallOptions = {}): ConverseStream {
    const bytes = toBinary(ConverseRequestSchema, create(ConverseRequestSchema, request));
    const message = fromBinary(ConverseStreamRequestSchema, bytes);
    return new ConverseStream((callOptions) => this.runtime.converseStream(message, callOptions), withTimeout("ConverseStream", options));
  }
}

/** The events of a response, in order. Iterate it once. Throws `BedrockError`. */
export class ConverseStream implements AsyncIterable<ConverseStreamResponse> {
  /** The initial metadata, once the first event is there. */
  headers = new Headers();
  readonly #collector = new Collector();
  readonly #abort = new AbortController();
  readonly #events: AsyncGenerator<ConverseStreamResponse, void, undefined>;

  constructor(open: (options: CallOptions) => AsyncIterable<ConverseStreamResponse>, options: CallOptions) {
    const signal = options.signal === undefined ? this.#abort.signal : AbortSignal.any([options.signal, this.#abort.signal]);
    this.#events = this.#read(
      open({
        ...options,
        signal,
        onHeader: (found) => {
          this.headers = found;
          options.onHeader?.(found);
        },
      }),
    );
  }

  [Symbol.asyncIterator](): AsyncGenerator<ConverseStreamResponse, void, undefined> {
    return this.#events;
  }

  /** Only the pieces of text, as they arrive. */
  async *text(): AsyncGenerator<string, void, undefined> {
    for await (const { member } of this) {
      if (member.case === "contentBlockDelta" && member.value.delta?.member.case === "text") {
        yield member.value.delta.member.value;
      }
    }
  }

  /** Reads the rest and returns the response that Converse would have sent. */
  async collect(): Promise<ConverseResult> {
    for await (const _ of this) {
      // The collector sees every event.
    }
    if (!this.#collector.isComplete) {
      const message = "the stream ended before the model's stop reason";
      throw new BedrockError(new ConnectError(message, Code.Unavailable), this.headers);
    }
    return new ConverseResult(this.#collector.response(), this.headers);
  }

  /** Ends the call, and so the generation. */
  cancel(): void {
    this.#abort.abort();
  }

  async *#read(events: AsyncIterable<ConverseStreamResponse>): AsyncGenerator<ConverseStreamResponse, void, undefined> {
    try {
      for await (const event of events) {
        this.#collector.add(event);
        yield event;
      }
    } catch (error) {
      throw BedrockError.from(error, this.headers);
    } finally {
      this.#abort.abort();
    }
  }
}

function withTimeout(method: string, options: CallOptions): CallOptions {
  const timeoutMs = options.timeoutMs ?? timeoutOf(BedrockRuntimeService.typeName, method);
  return timeoutMs === undefined ? options : { ...options, timeoutMs };
}
