/** Tools and the loop that runs them until the model stops. */
import { create } from "@bufbuild/protobuf";

import { tool as toolMessage, toolResult, user, type ConverseRequestInit } from "./build.js";
import type { Client } from "./client.js";
import { BedrockError, TurnLimitError } from "./errors.js";
import { type ContentBlock, ConverseRequestSchema, type ConverseRequest, type Message, ToolConfigurationSchema } from "./gen/runtime.js";
import type { ConverseResult, ToolUse } from "./read.js";

/** How often the model may respond before a loop gives up. A model that calls tools in a circle costs money each time. */
const MAX_TURNS = 10;
/** How many tools of one response run at a time. */
const MAX_PARALLEL = 8;

/** What the model sees of a tool, and the function that runs it. */
export interface Tool<Input = any> {
  readonly name: string;
  readonly description: string;
  /** The JSON Schema of the input, as an object or as JSON text. With zod: `z.toJSONSchema(schema)`. */
  readonly schema: Record<string, unknown> | string;
  /** Checks the input and gives it its type, as zod's `schema.parse`. What it throws goes back to the model. */
  readonly parse?: (input: unknown) => Input;
  /** Runs the tool. Its result goes to `toolResult`; what it throws goes back to the model as an error. */
  readonly run: (input: Input, context: { signal: AbortSignal }) => unknown;
}

/** A tool, with the type of its input taken from `parse`. */
export function defineTool<Input = Record<string, unknown>>(tool: Tool<Input>): Tool<Input> {
  return tool;
}

/** Options of `runTools`. */
export interface ToolLoopOptions {
  /** How often the model may respond. Default: 10. */
  maxTurns?: number;
  /** How many tools of one response run at a time. Default: 8. */
  maxParallel?: number;
  /** Sees each requested call before it runs. Returns the call to run (this one or a changed one), or false to reject it. */
  approve?: (use: ToolUse) => ToolUse | false | Promise<ToolUse | false>;
  /** Gets the pieces of text as they arrive. If it is set, responses are streamed. */
  onText?: (text: string) => void;
  /** Stops everything. */
  signal?: AbortSignal;
  /** The deadline of each call to the gateway, in milliseconds. */
  timeoutMs?: number;
}

/** How a tool loop ended. */
export interface ToolLoopResult {
  /** The model's last response. */
  readonly result: ConverseResult;
  /** The whole transcript, the last response included. */
  readonly messages: Message[];
  /** How often the model responded. */
  readonly turns: number;
}

/**
 * Sends the request, runs the tools that the model requests, and repeats until the model stops. An unknown tool, invalid
 * input, and a tool that throws become tool results with `status: error`, so that the model can react. Throws
 * `TurnLimitError` after `maxTurns` responses, and `BedrockError` when a call fails or `signal` aborts. The request itself
 * is not changed.
 */
export async function runTools(
  client: Client,
  request: ConverseRequestInit,
  tools: readonly Tool[],
  options: ToolLoopOptions = {},
): Promise<ToolLoopResult> {
  const transcript = create(ConverseRequestSchema, request);
  const current: ConverseRequest = { ...transcript, messages: [...transcript.messages] };
  declare(current, tools);
  const signal = options.signal ?? new AbortController().signal;
  for (let turns = 1; ; turns++) {
    const result = await turn(client, current, options);
    current.messages.push(result.message);
    const uses = result.stopReason === "tool_use" ? result.toolUses : [];
    if (uses.length === 0) return { result, messages: current.messages, turns };
    if (turns >= (options.maxTurns ?? MAX_TURNS)) throw new TurnLimitError(turns, current.messages);
    current.messages.push(user(await runAll(tools, uses, options, signal)));
    // A forced tool would be forced again in each turn, without end.
    const choice = current.toolConfig?.toolChoice?.member.case;
    if (current.toolConfig !== undefined && (choice === "any" || choice === "tool")) {
      current.toolConfig = create(ToolConfigurationSchema, { tools: current.toolConfig.tools });
    }
  }
}

function declare(request: ConverseRequest, tools: readonly Tool[]): void {
  const config = create(ToolConfigurationSchema, request.toolConfig ?? {});
  const declared = new Set(config.tools.map(({ member }) => (member.case === "toolSpec" ? member.value.name : undefined)));
  const missing = tools.filter(({ name }) => !declared.has(name));
  if (missing.length === 0) return;
  const added = missing.map(({ name, description, schema }) => toolMessage(name, description, schema));
  request.toolConfig = { ...config, tools: [...config.tools, ...added] };
}

async function turn(client: Client, request: ConverseRequest, options: ToolLoopOptions): Promise<ConverseResult> {
  const call = {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
  if (options.onText === undefined) return client.converse(request, call);
  const stream = client.converseStream(request, call);
  try {
    for await (const { member } of stream) {
      const delta = member.case === "contentBlockDelta" ? member.value.delta?.member : undefined;
      if (delta?.case === "text") options.onText(delta.value);
    }
    return await stream.collect();
  } finally {
    stream.cancel();
  }
}

/** Runs the tools of one response. The results have the order of the requests. */
async function runAll(
  tools: readonly Tool[],
  uses: readonly ToolUse[],
  options: ToolLoopOptions,
  signal: AbortSignal,
): Promise<ContentBlock[]> {
  const approved: (ToolUse | false)[] = [];
  for (const use of uses) approved.push(options.approve === undefined ? use : await options.approve(use));
  const results = new Array<ContentBlock>(uses.length);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < uses.length; i = next++) {
      signal.throwIfAborted();
      results[i] = await runOne(tools, uses[i]!.id, approved[i]!, signal);
    }
  };
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => undefined);
  try {
    const workers = Array.from({ length: Math.min(options.maxParallel ?? MAX_PARALLEL, uses.length) }, worker);
    await Promise.race([Promise.all(workers), aborted]);
  } catch (error) {
    throw BedrockError.from(error);
  }
  return results;
}

async function runOne(
  tools: readonly Tool[],
  id: string,
  use: ToolUse | false,
  signal: AbortSignal,
): Promise<ContentBlock> {
  if (use === false) return toolResult(id, "The call was rejected.", { error: true });
  const tool = tools.find(({ name }) => name === use.name);
  if (tool === undefined) {
    const names = tools.map(({ name }) => name).sort().join(", ");
    return toolResult(id, `there is no tool "${use.name}"; the tools are: ${names}`, { error: true });
  }
  try {
    const input: unknown = JSON.parse(use.inputJson);
    const checked = (tool.parse === undefined ? input : tool.parse(input));
    return toolResult(id, (await tool.run(checked, { signal })) ?? "");
  } catch (error) {
    return toolResult(id, error instanceof Error ? `${error.name}: ${error.message}` : String(error), { error: true });
  }
}
