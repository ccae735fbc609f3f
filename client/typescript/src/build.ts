/** Builders for the messages that are long to write by hand. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";

import {
  ContentBlockSchema,
  type ContentBlock,
  type ConverseRequestSchema,
  MessageSchema,
  type Message,
  SystemContentBlockSchema,
  type SystemContentBlock,
  ToolSchema,
  type Tool,
} from "./gen/runtime.js";

/** A request of Converse as a plain object, or as a message. */
export type ConverseRequestInit = MessageInitShape<typeof ConverseRequestSchema>;

/** What a message may be made of. Strings become text blocks. */
export type Content = string | ContentBlock | readonly Content[];

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A text block. Bedrock rejects blank text. */
export function text(value: string): ContentBlock {
  return create(ContentBlockSchema, { member: { case: "text", value } });
}

/** A message of the user. */
export function user(...content: Content[]): Message {
  return create(MessageSchema, { role: "user", content: blocks(content) });
}

/** A message of the model. */
export function assistant(...content: Content[]): Message {
  return create(MessageSchema, { role: "assistant", content: blocks(content) });
}

/** A block of the system prompt. */
export function system(value: string): SystemContentBlock {
  return create(SystemContentBlockSchema, { member: { case: "text", value } });
}

/** An image. Formats: png, jpeg, gif, webp. */
export function image(format: string, bytes: Uint8Array): ContentBlock {
  const source = { member: { case: "bytes" as const, value: bytes } };
  return create(ContentBlockSchema, { member: { case: "image", value: { format, source } } });
}

/** A document (pdf, csv, doc, docx, xls, xlsx, html, txt, md). Bedrock wants a text block in the same message. */
export function document(format: string, name: string, bytes: Uint8Array): ContentBlock {
  const source = { member: { case: "bytes" as const, value: bytes } };
  return create(ContentBlockSchema, { member: { case: "document", value: { format, name, source } } });
}

/** A point up to which Bedrock caches the prompt. */
export function cachePoint(): ContentBlock {
  return create(ContentBlockSchema, { member: { case: "cachePoint", value: { type: "default" } } });
}

/**
 * A tool that the model may request. `schema` is the JSON Schema of its input, as an object or as JSON text. Bedrock caches
 * prompts by their exact text, tools first, so the key order of `schema` is kept.
 */
export function tool(name: string, description: string, schema: Record<string, unknown> | string): Tool {
  const jsonText = typeof schema === "string" ? schema : JSON.stringify(schema);
  return create(ToolSchema, {
    member: {
      case: "toolSpec",
      value: {
        name,
        ...(description === "" ? {} : { description }),
        inputSchema: { member: { case: "jsonText", value: jsonText } },
      },
    },
  });
}

/**
 * The result of a tool. A string becomes text, any other value JSON. Bedrock wants a JSON object, so another JSON value
 * becomes `{"result": value}`.
 */
export function toolResult(toolUseId: string, result: unknown, options: { error?: boolean } = {}): ContentBlock {
  const isObject = typeof result === "object" && result !== null && !Array.isArray(result);
  const content =
    typeof result === "string"
      ? { member: { case: "text" as const, value: result } }
      : { member: { case: "jsonText" as const, value: JSON.stringify(isObject ? result : { result: result ?? null }) } };
  const status = options.error === true ? { status: "error" } : {};
  return create(ContentBlockSchema, { member: { case: "toolResult", value: { toolUseId, content: [content], ...status } } });
}

function blocks(content: readonly Content[]): ContentBlock[] {
  return content.flatMap((part) => {
    if (typeof part === "string") return [text(part)];
    return isList(part) ? blocks(part) : [part];
  });
}

function isList(part: ContentBlock | readonly Content[]): part is readonly Content[] {
  return Array.isArray(part);
}
