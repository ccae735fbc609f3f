/** Joins the events of a stream into the response that Converse would have sent. */
import { create } from "@bufbuild/protobuf";

import {
  CitationsContentBlockSchema,
  ContentBlockSchema,
  type CitationsContentBlock,
  type ContentBlock,
  type ContentBlockDelta,
  type ContentBlockStart,
  ConverseOutputSchema,
  ConverseResponseSchema,
  type ConverseResponse,
  type ConverseStreamResponse,
  type ImageBlock,
  type ReasoningContentBlockDelta,
  type ToolResultBlock,
  type ToolResultBlockDelta,
  type ToolUseBlock,
} from "./gen/runtime.js";

/**
 * Add every event with `add`, then read `response`. Blocks without content are left out, because models reject an empty
 * text block in the next turn.
 */
export class Collector {
  #role = "assistant";
  #blocks = new Map<number, ContentBlock[]>();
  #response = create(ConverseResponseSchema);
  #stopped = false;

  /** Whether `messageStop` has arrived. */
  get isComplete(): boolean {
    return this.#stopped;
  }

  /** Takes the next event. */
  add(event: ConverseStreamResponse): void {
    const { member } = event;
    switch (member.case) {
      case "messageStart":
        this.#role = member.value.role ?? this.#role;
        break;
      case "contentBlockStart":
        this.#start(this.#at(member.value.contentBlockIndex), member.value.start);
        break;
      case "contentBlockDelta":
        addDelta(this.#at(member.value.contentBlockIndex), member.value.delta);
        break;
      case "messageStop":
        this.#stopped = true;
        assignDefined(this.#response, { stopReason: member.value.stopReason });
        this.#response.additionalModelResponseFieldsForm = member.value.additionalModelResponseFieldsForm;
        break;
      case "metadata": {
        const { usage, metrics, trace, performanceConfig, serviceTier } = member.value;
        const response = create(ConverseResponseSchema, {
          ...(metrics?.latencyMs === undefined ? {} : { metrics: { latencyMs: metrics.latencyMs } }),
          ...(trace === undefined
            ? {}
            : {
                trace: {
                  ...(trace.guardrail && { guardrail: trace.guardrail }),
                  ...(trace.promptRouter && { promptRouter: trace.promptRouter }),
                },
              }),
        });
        assignDefined(this.#response, {
          usage,
          performanceConfig,
          serviceTier,
          metrics: response.metrics,
          trace: response.trace,
        });
        break;
      }
    }
  }

  /** The response so far. Check `isComplete` first. */
  response(): ConverseResponse {
    const content = [...this.#blocks.entries()]
      .sort(([a], [b]) => a - b)
      .flatMap(([, blocks]) => blocks)
      .filter(({ member }) => member.case !== undefined && !(member.case === "text" && member.value === ""));
    for (const { member } of content) {
      if (member.case === "toolUse" && inputOf(member.value).trim() === "") setInput(member.value, "{}");
    }
    this.#response.output = create(ConverseOutputSchema, {
      member: { case: "message", value: { role: this.#role, content } },
    });
    return this.#response;
  }

  #at(index: number | undefined): ContentBlock[] {
    const blocks = this.#blocks.get(index ?? 0) ?? [];
    this.#blocks.set(index ?? 0, blocks);
    return blocks;
  }

  #start(blocks: ContentBlock[], start: ContentBlockStart | undefined): void {
    const member = start?.member;
    switch (member?.case) {
      case "toolUse": {
        const { toolUseId, name, type } = member.value;
        const value = { ...defined({ toolUseId, name, type }), inputForm: { case: "inputJson" as const, value: "" } };
        blocks.push(create(ContentBlockSchema, { member: { case: "toolUse", value } }));
        break;
      }
      case "toolResult": {
        const { toolUseId, type, status } = member.value;
        const value = defined({ toolUseId, type, status });
        blocks.push(create(ContentBlockSchema, { member: { case: "toolResult", value } }));
        break;
      }
      case "image": {
        const value = defined({ format: member.value.format });
        blocks.push(create(ContentBlockSchema, { member: { case: "image", value } }));
        break;
      }
    }
  }
}

function addDelta(blocks: ContentBlock[], delta: ContentBlockDelta | undefined): void {
  const member = delta?.member;
  const last = blocks.at(-1)?.member;
  switch (member?.case) {
    case "text":
      if (last?.case === "text") last.value += member.value;
      else if (last?.case === "citationsContent") addCitedText(last.value, member.value);
      else blocks.push(create(ContentBlockSchema, { member: { case: "text", value: member.value } }));
      break;
    case "toolUse":
      if (last?.case === "toolUse") setInput(last.value, inputOf(last.value) + (member.value.input ?? ""));
      break;
    case "reasoningContent":
      addReasoning(blocks, member.value);
      break;
    case "citation": {
      const cited = citedBlock(blocks);
      const { title, source, location, sourceContent } = member.value;
      const texts = sourceContent.map((part) => ({ member: { case: "text" as const, value: part.text ?? "" } }));
      const block = create(CitationsContentBlockSchema, {
        citations: [defined({ title, source, location, sourceContent: texts })],
      });
      cited.citations.push(...block.citations);
      break;
    }
    case "image":
      if (last?.case === "image") addImage(last.value, member.value.source, member.value.error);
      break;
    case "toolResult":
      if (last?.case === "toolResult") addToolResult(last.value, member.value.values);
      break;
  }
}

function inputOf(use: ToolUseBlock): string {
  return use.inputForm.case === "inputJson" ? use.inputForm.value : "";
}

function setInput(use: ToolUseBlock, value: string): void {
  use.inputForm = { case: "inputJson", value };
}

function addReasoning(blocks: ContentBlock[], delta: ReasoningContentBlockDelta): void {
  const { member } = delta;
  if (member.case === undefined || member.case === "unrecognized") return;
  const last = blocks.at(-1)?.member;
  const content = last?.case === "reasoningContent" ? last.value.member : undefined;
  if (member.case === "redactedContent") {
    if (content?.case === "redactedContent") content.value = joinBytes(content.value, member.value);
    else pushReasoning(blocks, { case: "redactedContent", value: member.value });
    return;
  }
  const key = member.case;
  if (content?.case === "reasoningText") content.value[key] = (content.value[key] ?? "") + member.value;
  else pushReasoning(blocks, { case: "reasoningText", value: { [key]: member.value } });
}

function pushReasoning(
  blocks: ContentBlock[],
  member: { case: "redactedContent"; value: Uint8Array } | { case: "reasoningText"; value: { text?: string; signature?: string } },
): void {
  blocks.push(create(ContentBlockSchema, { member: { case: "reasoningContent", value: { member } } }));
}

/** Adds a citation. The text block that it belongs to becomes a block of cited text. */
function citedBlock(blocks: ContentBlock[]): CitationsContentBlock {
  const last = blocks.at(-1)?.member;
  if (last?.case === "citationsContent") return last.value;
  const cited = create(CitationsContentBlockSchema);
  if (last?.case === "text") {
    addCitedText(cited, last.value);
    blocks.pop();
  }
  blocks.push(create(ContentBlockSchema, { member: { case: "citationsContent", value: cited } }));
  return cited;
}

function addCitedText(cited: CitationsContentBlock, text: string): void {
  if (text === "") return;
  const last = cited.content.at(-1)?.member;
  if (last?.case === "text") last.value += text;
  else {
    const block = create(CitationsContentBlockSchema, { content: [{ member: { case: "text", value: text } }] });
    cited.content.push(...block.content);
  }
}

function addImage(image: ImageBlock, source: ImageBlock["source"], error: ImageBlock["error"]): void {
  if (error !== undefined) image.error = error;
  if (source === undefined) return;
  const before = image.source?.member;
  if (source.member.case === "bytes" && before?.case === "bytes") before.value = joinBytes(before.value, source.member.value);
  else image.source = source;
}

function addToolResult(result: ToolResultBlock, deltas: readonly ToolResultBlockDelta[]): void {
  for (const { member } of deltas) {
    const last = result.content.at(-1)?.member;
    if (member.case === "text" && last?.case === "text") last.value += member.value;
    else if (member.case === "text" || member.case === "jsonText") {
      const content = [{ member: { case: member.case, value: member.value } }];
      const block = create(ContentBlockSchema, { member: { case: "toolResult", value: { content } } });
      if (block.member.case === "toolResult") result.content.push(...block.member.value.content);
    }
  }
}

function joinBytes(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** An object without its undefined members, which protobuf would treat as set. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}

function assignDefined<T extends object>(target: T, value: { [K in keyof T]?: T[K] | undefined }): void {
  Object.assign(target, defined(value));
}
