/** The elements of the page. All content is set as text, never as HTML. */
import { toJson } from "@bufbuild/protobuf";

import { Code, type BedrockError, type ConverseResult } from "../src/index.js";
import { ConverseStreamResponseSchema, type ConverseStreamResponse } from "../src/types.js";
import { MODELS } from "./models.js";

/** The element with an id. The page has all of them. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

function add<K extends keyof HTMLElementTagNameMap>(parent: Element, name: K, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = className;
  parent.append(element);
  parent.scrollTop = parent.scrollHeight;
  return element;
}

/** Fills the list of models. */
export function showModels(): void {
  for (const { group, options } of MODELS) {
    const list = add(byId("model"), "optgroup");
    list.label = group;
    for (const [id, text] of options) add(list, "option", text).value = id;
  }
  add(byId("model"), "option", "another model id").value = "";
}

/** Adds a message to the chat and returns it. */
export function addMessage(role: "user" | "assistant", text = ""): HTMLElement {
  return add(byId("chat"), "div", text, `message ${role}`);
}

/** Adds a piece to a message: text, reasoning, a tool call, or a failure. */
export function addPiece(message: HTMLElement, text: string, kind: "" | "reasoning" | "tool" | "failed" = ""): void {
  const last = message.lastElementChild;
  if (last?.className === kind && kind !== "failed") last.append(text);
  else add(message, "span", text, kind);
  byId("chat").scrollTop = byId("chat").scrollHeight;
}

/** Adds a line to the events: when, what, and its content. */
export function addEvent(elapsed: number, name: string, content: string, className = ""): void {
  const line = add(byId("events"), "li", "", className);
  add(line, "time", milliseconds(elapsed));
  add(line, "span", name);
  add(line, "span", content, "json");
  byId("events").scrollTop = byId("events").scrollHeight;
}

/** The name of an event and its content as Bedrock's JSON. */
export function describeEvent(event: ConverseStreamResponse): [name: string, content: string] {
  const json = toJson(ConverseStreamResponseSchema, event) as Record<string, unknown>;
  const [name = "event", content = {}] = Object.entries(json)[0] ?? [];
  return [name, JSON.stringify(content)];
}

/** Shows what is known about the call. */
export function showCall(facts: Record<string, string | undefined>): void {
  showList("call", facts);
}

/** What a finished call has. */
export function describeResult(result: ConverseResult): Record<string, string | undefined> {
  const { usage } = result;
  return {
    "stop reason": result.stopReason,
    tokens: usage && `${usage.inputTokens} input + ${usage.outputTokens} output = ${usage.totalTokens}`,
    "Bedrock's latency": latency(result),
    "request id": result.requestId,
    Region: result.region,
    attempts: result.attempts?.toString(),
  };
}

function latency(result: ConverseResult): string | undefined {
  const latencyMs = result.response.metrics?.latencyMs;
  return latencyMs === undefined ? undefined : `${latencyMs} ms`;
}

/** Shows an error, or none. */
export function showError(error?: BedrockError): void {
  byId("error").hidden = error === undefined;
  if (error === undefined) return;
  const quota = error.quotaViolations.map(({ subject, description }) => `${subject}: ${description}`);
  const fields = error.fieldViolations.map(({ field, description }) => `${field}: ${description}`);
  showList("error-details", {
    code: codeName(error.code),
    reason: error.reason,
    message: error.message,
    retryable: String(error.retryable),
    "retry after": error.retryDelayMs === undefined ? undefined : milliseconds(error.retryDelayMs),
    quota: quota.join("\n") || undefined,
    fields: fields.join("\n") || undefined,
    "request id": error.requestId,
    ...error.metadata,
  });
}

function showList(id: string, facts: Record<string, string | undefined>): void {
  byId(id).replaceChildren();
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    add(byId(id), "dt", name);
    add(byId(id), "dd", value).dataset["fact"] = name;
  }
}

/** A code as gRPC spells it: `RESOURCE_EXHAUSTED`. Connect writes one of them with one L. */
export function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

/** A time in milliseconds, with one digit below 100 ms. */
export function milliseconds(time: number): string {
  return `${time.toFixed(time < 100 ? 1 : 0)} ms`;
}
