/** Readers of responses: text, requested tools, and what came in headers. */
import type { ConverseResponse, Message, TokenUsage } from "./gen/runtime.js";

/** A tool that the model requests. */
export interface ToolUse {
  readonly id: string;
  readonly name: string;
  /** The input exactly as the model wrote it. */
  readonly inputJson: string;
}

/** A complete response with its metadata. */
export class ConverseResult {
  constructor(
    /** The message as Bedrock sent it. */
    readonly response: ConverseResponse,
    /** The initial metadata. */
    readonly headers: Headers,
  ) {}

  /** The model's message. Append it to the transcript as it is. */
  get message(): Message {
    const member = this.response.output?.member;
    if (member?.case !== "message") throw new Error("the response has no message");
    return member.value;
  }

  /** All text of the message. Reasoning is not part of it. */
  get text(): string {
    return textOf(this.response);
  }

  /** The tools that the model requests, in order. */
  get toolUses(): ToolUse[] {
    return toolUses(this.response);
  }

  /** Why the model stopped, in Bedrock's spelling: end_turn, tool_use, max_tokens and others. */
  get stopReason(): string {
    return this.response.stopReason ?? "";
  }

  /** Tokens as Bedrock counts them. */
  get usage(): TokenUsage | undefined {
    return this.response.usage;
  }

  /** Bedrock's id of the request, which AWS support needs. */
  get requestId(): string | undefined {
    return this.headers.get("x-amzn-requestid") ?? undefined;
  }

  /** The AWS Region that served the request. */
  get region(): string | undefined {
    return this.headers.get("bedrock-grpc-region") ?? undefined;
  }

  /** How many requests the gateway sent to Bedrock; 1 without a retry. */
  get attempts(): number | undefined {
    const attempts = this.headers.get("bedrock-grpc-attempts");
    return attempts === null ? undefined : Number(attempts);
  }
}

/** All text of a response, without reasoning. */
export function textOf(response: ConverseResponse): string {
  return content(response)
    .map(({ member }) => {
      if (member.case === "text") return member.value;
      if (member.case !== "citationsContent") return "";
      return member.value.content.map((part) => (part.member.case === "text" ? part.member.value : "")).join("");
    })
    .join("");
}

/** The tools that a response requests. A tool that Bedrock has run already (`server_tool_use`) is not among them. */
export function toolUses(response: ConverseResponse): ToolUse[] {
  return content(response).flatMap(({ member }) => {
    if (member.case !== "toolUse" || member.value.type === "server_tool_use") return [];
    const { toolUseId, name, inputForm } = member.value;
    const inputJson = inputForm.case === "inputJson" ? inputForm.value : "";
    return [{ id: toolUseId ?? "", name: name ?? "", inputJson: inputJson || "{}" }];
  });
}

/** Tokens as Bedrock counts them. */
export function usage(response: ConverseResponse): TokenUsage | undefined {
  return response.usage;
}

function content(response: ConverseResponse) {
  const member = response.output?.member;
  return member?.case === "message" ? member.value.content : [];
}
