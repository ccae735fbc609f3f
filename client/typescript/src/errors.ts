/** The error of every failed call. */
import { Code, ConnectError } from "@connectrpc/connect";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";

/** A field of the request that is wrong. */
export interface FieldViolation {
  /** The field by its JSON names, as `messages[0].content[2].toolUse.input`. */
  readonly field: string;
  readonly description: string;
}

/** A limit that the call exceeded. */
export interface QuotaViolation {
  readonly subject: string;
  readonly description: string;
}

/** A call failed. Every failure of a unary call and of a stream is one of these. */
export class BedrockError extends Error {
  override readonly name = "BedrockError";
  /** The gRPC status code. */
  readonly code: Code;
  /** `ErrorInfo.reason`, a name of `bedrock.errors.v1.ErrorReason`, as `THROTTLING`. Undefined if the failure is the client's own. */
  readonly reason: string | undefined;
  /** `ErrorInfo.metadata`: phase, attempts, operation, model_id, region and more. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Milliseconds to wait before the same call is sent again. Undefined if a retry cannot help or no delay is known. */
  readonly retryDelayMs: number | undefined;
  /** Bedrock's id of the request, which AWS support needs. */
  readonly requestId: string | undefined;
  readonly fieldViolations: readonly FieldViolation[];
  readonly quotaViolations: readonly QuotaViolation[];

  constructor(cause: ConnectError, headers?: Headers) {
    const [info] = cause.findDetails(ErrorInfoSchema);
    super(cause.rawMessage, { cause });
    this.code = cause.code;
    this.reason = info?.reason;
    this.metadata = info?.metadata ?? {};
    const pushback = parsePushback(cause.metadata.get("grpc-retry-pushback-ms"));
    this.retryable = isRetryable(cause.code, info?.metadata["retryable"], pushback);
    this.retryDelayMs = this.retryable ? (retryInfoMs(cause) ?? pushback) : undefined;
    const [request] = cause.findDetails(RequestInfoSchema);
    this.requestId =
      request?.requestId || cause.metadata.get("x-amzn-requestid") || headers?.get("x-amzn-requestid") || undefined;
    this.fieldViolations = cause
      .findDetails(BadRequestSchema)
      .flatMap((detail) => detail.fieldViolations.map(({ field, description }) => ({ field, description })));
    this.quotaViolations = cause
      .findDetails(QuotaFailureSchema)
      .flatMap((detail) => detail.violations.map(({ subject, description }) => ({ subject, description })));
  }

  /** The error of a call, from any thrown value. */
  static from(error: unknown, headers?: Headers): BedrockError {
    return error instanceof BedrockError ? error : new BedrockError(ConnectError.from(error), headers);
  }
}

/** The server forbids a retry by a negative or malformed pushback: -1 here. https://github.com/grpc/proposal/blob/master/A6-client-retries.md */
function parsePushback(value: string | null): number | undefined {
  if (value === null) return undefined;
  return /^\d+$/.test(value) ? Number(value) : -1;
}

function isRetryable(code: Code, retryable: string | undefined, pushback: number | undefined): boolean {
  if (pushback !== undefined && pushback < 0) return false;
  if (retryable !== undefined) return retryable === "true";
  return pushback !== undefined || code === Code.Unavailable;
}

function retryInfoMs(cause: ConnectError): number | undefined {
  const delay = cause.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

/** A tool loop stopped before the model was done. */
export class TurnLimitError<Message> extends Error {
  override readonly name = "TurnLimitError";

  constructor(
    readonly turns: number,
    /** The transcript up to that point. */
    readonly messages: Message[],
  ) {
    super(`the model still requests tools after ${turns} responses`);
  }
}
