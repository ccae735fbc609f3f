// What the client sends and returns, over a real gateway: `client/with-gateway npm test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { BedrockError, Client, Code, image, text, tool, user } from "../src/index.js";
import { connect } from "../src/node.js";
import { ConverseRequestSchema } from "../src/types.js";

const target = process.env["BEDROCK_GRPC_TARGET"];
if (target === undefined) throw new Error("run the tests with client/with-gateway, which starts a gateway");
const baseUrl = `http://${target}`;
const client = connect(baseUrl);
const modelId = "demo.model";
const schema = { type: "object", properties: { unit: { type: "string" }, city: { type: "string" } }, required: ["city"] };

async function failure(call: Promise<unknown>): Promise<BedrockError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof BedrockError, String(error));
    return error;
  }
  return assert.fail("the call succeeded");
}

test("converse returns text, usage and headers", async () => {
  const result = await client.converse({ modelId, messages: [user("Hello")] });
  assert.match(result.text, /Hello/);
  assert.equal(result.stopReason, "end_turn");
  assert.ok((result.usage?.totalTokens ?? 0) > 0);
  assert.ok(result.requestId);
  assert.equal(result.region, "us-east-1");
  assert.equal(result.attempts, 1);
});

test("a stream collects to the response of converse", async () => {
  const request = { modelId, messages: [user("Hello")] };
  const stream = client.converseStream(request);
  const pieces: string[] = [];
  for await (const piece of stream.text()) pieces.push(piece);
  const collected = await stream.collect();
  const whole = await client.converse(request);
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), collected.text);
  assert.deepEqual(collected.message, whole.message);
  assert.ok(collected.requestId);
});

test("streamed tool input collects to the exact JSON", async () => {
  const tools = [tool("get_weather", "Current weather for a city", schema)];
  const request = { modelId, messages: [user("What is the weather in Paris?")], toolConfig: { tools } };
  const whole = await client.converse(request);
  const collected = await client.converseStream(request).collect();
  assert.deepEqual(collected.toolUses, whole.toolUses);
  assert.equal((JSON.parse(collected.toolUses[0]!.inputJson) as { city: string }).city, "Paris");
});

test("an error has reason, delay and quota", async () => {
  // Too short for a retry of the library, long enough for the gateway's own.
  const error = await failure(client.converse({ modelId: "fault.throttling-daily", messages: [user("Hello")] }));
  assert.equal(error.code, Code.ResourceExhausted);
  assert.equal(error.reason, "THROTTLING");
  assert.equal(error.retryable, false);
  assert.equal(error.retryDelayMs, undefined);
  assert.ok(error.quotaViolations.length > 0);
  assert.ok(error.requestId);
});

test("a wrong field is named", async () => {
  const error = await failure(client.converse({ modelId, messages: [{ role: "user", content: [text("a"), {}] }] }));
  assert.equal(error.code, Code.InvalidArgument);
  assert.equal(error.fieldViolations[0]?.field, "messages[0].content[1]");
});

test("an error within a stream ends it and is not retried", async () => {
  const stream = client.converseStream({ modelId: "fault.service-unavailable.after.3", messages: [user("Hello")] });
  let events = 0;
  const error = await failure(
    (async () => {
      for await (const _ of stream) events++;
    })(),
  );
  assert.equal(events, 3);
  assert.equal(error.reason, "SERVICE_UNAVAILABLE");
  assert.equal(error.metadata["phase"], "stream");
});

test("a throttled call is retried after the pushback", async () => {
  // The gateway sends three requests for the first attempt of the library, and one for each retry of the library.
  const result = await client.converse({ modelId: "fault.flaky.3.throttling", messages: [user("Hello from TypeScript")] });
  assert.equal(result.attempts, 1);
});

test("a stream is retried before its first event", async () => {
  const messages = [user("Hello again from TypeScript")];
  const result = await client.converseStream({ modelId: "fault.flaky.3.service-unavailable", messages }).collect();
  assert.equal(result.stopReason, "end_turn");
});

test("a deadline holds for a unary call and a stream", async () => {
  const messages = [user("Hello")];
  const unary = await failure(client.converse({ modelId: "fault.stall", messages }, { timeoutMs: 500 }));
  assert.equal(unary.code, Code.DeadlineExceeded);
  const stream = client.converseStream({ modelId: "fault.stall.after.2", messages }, { timeoutMs: 500 });
  const error = await failure(stream.collect());
  assert.equal(error.code, Code.DeadlineExceeded);
  assert.ok(error.requestId);
});

test("cancel ends a stream, and so does a signal", async () => {
  const request = { modelId: "fault.stall.after.2", messages: [user("Hello")] };
  const stream = client.converseStream(request);
  setTimeout(() => stream.cancel(), 200);
  assert.equal((await failure(stream.collect())).code, Code.Canceled);
  const signal = AbortSignal.timeout(200);
  assert.notEqual((await failure(client.converseStream(request, { signal }).collect())).code, Code.Unknown);
});

test("a request with a 10 MB image is sent", async () => {
  const bytes = new Uint8Array(10_000_000);
  bytes.set([0x89, 0x50, 0x4e, 0x47]);
  const result = await client.converse({ modelId, messages: [user("Describe this picture.", image("png", bytes))] });
  assert.match(result.text, /1 image/);
});

test("a large request that is rejected early ends with its status", { timeout: 60_000 }, async () => {
  const bytes = new Uint8Array(10_000_000);
  const messages = [user("Describe this picture.", image("png", bytes))];
  // The gateway rejects it before it has read the message.
  const headers = { "bedrock-grpc-nonsense": "1" };
  for (const call of [
    client.converse({ modelId, messages }, { headers }),
    client.converseStream({ modelId, messages }, { headers }).collect(),
  ]) {
    assert.equal((await failure(call)).reason, "VALIDATION");
  }
});

test("a request above the gateway's limit ends with its status", { timeout: 60_000 }, async () => {
  const { runtime } = new Client(createGrpcTransport({ baseUrl, nodeOptions: { maxSessionMemory: 1024 } }));
  const request = create(ConverseRequestSchema, { modelId, messages: [user("x".repeat(40_000_000))] });
  const error = BedrockError.from(await runtime.converse(request).catch((thrown: unknown) => thrown));
  assert.equal(error.reason, "MESSAGE_TOO_LARGE");
});

test("a response of 5 MB is received", async () => {
  const value = "a@example.com " + "lorem ipsum ".repeat(450_000);
  const response = await client.runtime.applyGuardrail({
    guardrailIdentifier: "guard1",
    guardrailVersion: "1",
    source: "OUTPUT",
    content: [{ member: { case: "text", value: { text: value } } }],
  });
  assert.ok((response.outputs[0]?.text?.length ?? 0) > 5_000_000);
});

test("a slow call outlives many keepalive pings", { timeout: 120_000 }, async () => {
  const slow = connect(baseUrl, { pingIntervalMs: 10_000 });
  const started = performance.now();
  const result = await slow.converse({ modelId: "fault.slow.65000", messages: [user("Hello")] }, { timeoutMs: 120_000 });
  assert.ok(performance.now() - started >= 65_000);
  assert.equal(result.stopReason, "end_turn");
});

test("a job gets a request token", async () => {
  const request = {
    modelId: "amazon.nova-reel-v1:0",
    modelInputForm: { case: "modelInputJson" as const, value: '{"a":1}' },
    outputDataConfig: { member: { case: "s3OutputDataConfig" as const, value: { s3Uri: "s3://bucket/" } } },
  };
  const [first, second] = [await client.startAsyncInvoke(request), await client.startAsyncInvoke(request)];
  assert.ok(first.invocationArn);
  assert.notEqual(first.invocationArn, second.invocationArn);
});
