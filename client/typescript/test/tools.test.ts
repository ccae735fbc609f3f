// The tool loop, over a real gateway: `client/with-gateway npm test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { BedrockError, Code, defineTool, runTools, tool, TurnLimitError, user, type Tool } from "../src/index.js";
import { connect } from "../src/node.js";
import type { Message } from "../src/types.js";

const client = connect(`http://${process.env["BEDROCK_GRPC_TARGET"] ?? "127.0.0.1:50051"}`);
const question = { modelId: "demo.model", messages: [user("What is the weather in Paris?")] };
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

function named(name: string, run: (input: { city: string }, context: { signal: AbortSignal }) => unknown): Tool {
  const description = name === "get_weather" ? "Current weather for a city" : "Current time in a city";
  return defineTool<{ city: string }>({ name, description, schema, run });
}

const weather = named("get_weather", ({ city }) => ({ city, celsius: 18 }));

function results(messages: Message[]): { id: string; status: string | undefined; text: string }[] {
  return messages[2]!.content.map(({ member }) => {
    assert.equal(member.case, "toolResult");
    const block = member.case === "toolResult" ? member.value : undefined;
    const content = block?.content[0]?.member;
    const text = content?.case === "text" || content?.case === "jsonText" ? content.value : "";
    return { id: block?.toolUseId ?? "", status: block?.status, text };
  });
}

test("the loop runs a tool and streams text", async () => {
  let streamed = "";
  const done = await runTools(client, question, [weather], { onText: (text) => (streamed += text) });
  assert.equal(done.turns, 2);
  assert.match(done.result.text, /18/);
  assert.ok(streamed.includes(done.result.text));
  assert.deepEqual(done.messages.map(({ role }) => role), ["user", "assistant", "user", "assistant"]);
  assert.equal(question.messages.length, 1, "the caller's request is not changed");
});

test("a tool that throws becomes an error result", async () => {
  const broken = named("get_weather", () => {
    throw new Error("the station is down");
  });
  const [result] = results((await runTools(client, question, [broken])).messages);
  assert.equal(result?.status, "error");
  assert.match(result?.text ?? "", /the station is down/);
});

test("two tools run at the same time", async () => {
  let arrived = 0;
  let release = () => {};
  const both = new Promise<void>((resolve) => (release = resolve));
  const meet = (result: string) => async () => {
    if (++arrived === 2) release();
    await both;
    return result;
  };
  const request = { modelId: "demo.model", messages: [user("Call get_weather and get_time for Paris")] };
  const tools = [named("get_weather", meet("sunny")), named("get_time", meet("noon"))];
  const done = await runTools(client, request, tools);
  assert.deepEqual(results(done.messages).map(({ text }) => text), ["sunny", "noon"]);
});

test("a tool that does not exist becomes an error result", async () => {
  const toolConfig = { tools: [tool("get_weather", "Current weather for a city", schema)] };
  const [result] = results((await runTools(client, { ...question, toolConfig }, [])).messages);
  assert.equal(result?.status, "error");
  assert.match(result?.text ?? "", /there is no tool "get_weather"/);
});

test("input that parse rejects becomes an error result", async () => {
  const strict = defineTool<number>({
    name: "get_weather",
    description: "Current weather for a city",
    schema,
    parse: () => {
      throw new TypeError("city must be a number");
    },
    run: () => "unreachable",
  });
  const [result] = results((await runTools(client, question, [strict])).messages);
  assert.equal(result?.status, "error");
  assert.match(result?.text ?? "", /city must be a number/);
});

test("the turn limit ends the loop with the transcript", async () => {
  await assert.rejects(runTools(client, question, [weather], { maxTurns: 1 }), (error) => {
    assert.ok(error instanceof TurnLimitError);
    assert.equal(error.messages.length, 2);
    return true;
  });
});

test("approve can change and reject a call", async () => {
  const changed = await runTools(client, question, [weather], {
    approve: (use) => ({ ...use, inputJson: '{"city":"Oslo"}' }),
  });
  assert.match(results(changed.messages)[0]?.text ?? "", /Oslo/);
  const rejected = await runTools(client, question, [weather], { approve: () => false });
  assert.equal(results(rejected.messages)[0]?.status, "error");
});

test("abort ends the loop while a tool runs", async () => {
  const abort = new AbortController();
  const slow = named("get_weather", async (_, { signal }) => {
    abort.abort();
    assert.ok(signal.aborted);
    await new Promise(() => {});
  });
  await assert.rejects(runTools(client, question, [slow], { signal: abort.signal }), (error) => {
    assert.ok(error instanceof BedrockError);
    assert.equal(error.code, Code.Canceled);
    return true;
  });
});

test("a stream cut within tool input is an error", async () => {
  const request = { ...question, modelId: "fault.cut.after.4" };
  await assert.rejects(runTools(client, request, [weather], { onText: () => {} }), (error) => {
    assert.ok(error instanceof BedrockError);
    assert.equal(error.reason, "STREAM_TRUNCATED");
    return true;
  });
});
