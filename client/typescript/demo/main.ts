/** The page of `bedrock-grpc demo --keep`: a chat over gRPC-Web that shows everything that a call returns. */
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { BedrockError, Client, ConverseStream, retryInterceptor, user } from "../src/index.js";
import type { ContentBlockDelta, ConverseStreamResponse, Message } from "../src/types.js";
import { reportFailures } from "./attempts.js";
import {
  addEvent,
  addMessage,
  addPiece,
  byId,
  codeName,
  describeEvent,
  describeResult,
  milliseconds,
  showCall,
  showError,
  showModels,
} from "./view.js";

const { url } = (await (await fetch("gateway.json")).json()) as { url: string };
let sentAt = 0;
const elapsed = () => performance.now() - sentAt;
const client = new Client(
  createGrpcWebTransport({
    baseUrl: url,
    interceptors: [
      retryInterceptor(),
      reportFailures((error) => {
        const retry = error.retryDelayMs === undefined ? "no retry" : `retry after ${milliseconds(error.retryDelayMs)}`;
        addEvent(elapsed(), codeName(error.code), `${error.reason ?? error.message}, ${retry}`, "failed");
      }),
    ],
  }),
);
let transcript: Message[] = [];
let running: ConverseStream | undefined;

byId("gateway").textContent = url;
showModels();
const model = byId<HTMLSelectElement>("model");
model.addEventListener("change", () => {
  byId("other").hidden = model.value !== "";
});
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});
byId("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    void send();
  }
});
byId("stop").addEventListener("click", () => running?.cancel());
byId("clear").addEventListener("click", () => {
  running?.cancel();
  transcript = [];
  byId("chat").replaceChildren();
});

async function send(): Promise<void> {
  const prompt = byId<HTMLTextAreaElement>("prompt").value.trim();
  if (prompt === "" || running !== undefined) return;
  const modelId = model.value || byId<HTMLInputElement>("other-model").value.trim();
  const messages = [...transcript, user(prompt)];
  addMessage("user", prompt);
  const output = addMessage("assistant");
  byId("events").replaceChildren();
  showError();
  setRunning(client.converseStream({ modelId, messages }));
  try {
    await read(modelId, messages, output);
  } catch (error) {
    const failure = BedrockError.from(error);
    addPiece(output, `\n${codeName(failure.code)} ${failure.reason ?? ""}`, "failed");
    showCall({ model: modelId, status: codeName(failure.code), total: milliseconds(elapsed()) });
    showError(failure);
  } finally {
    setRunning(undefined);
  }
}

/** Reads the running stream to its end. */
async function read(modelId: string, messages: Message[], output: HTMLElement): Promise<void> {
  if (running === undefined) return;
  let firstEvent: string | undefined;
  let events = 0;
  showCall({ model: modelId, status: "running" });
  for await (const event of running) {
    events++;
    firstEvent ??= milliseconds(elapsed());
    addEvent(elapsed(), ...describeEvent(event));
    showPiece(output, event);
    showCall({ model: modelId, status: "running", "first event": firstEvent, events: String(events) });
  }
  const timing = { "first event": firstEvent, total: milliseconds(elapsed()), events: String(events) };
  const result = await running.collect();
  showCall({ model: modelId, status: "OK", ...timing, ...describeResult(result) });
  transcript = [...messages, result.message];
}

function showPiece(output: HTMLElement, { member }: ConverseStreamResponse): void {
  if (member.case === "contentBlockStart" && member.value.start?.member.case === "toolUse") {
    addPiece(output, `\n${member.value.start.member.value.name} `, "tool");
  } else if (member.case === "contentBlockDelta") {
    showDelta(output, member.value.delta);
  }
}

function showDelta(output: HTMLElement, delta: ContentBlockDelta | undefined): void {
  const member = delta?.member;
  if (member?.case === "text") addPiece(output, member.value);
  else if (member?.case === "toolUse") addPiece(output, member.value.input ?? "", "tool");
  else if (member?.case === "reasoningContent" && member.value.member.case === "text") {
    addPiece(output, member.value.member.value, "reasoning");
  }
}

function setRunning(stream: ConverseStream | undefined): void {
  running = stream;
  sentAt = stream === undefined ? sentAt : performance.now();
  byId<HTMLButtonElement>("send").disabled = stream !== undefined;
  byId<HTMLButtonElement>("stop").disabled = stream === undefined;
}
