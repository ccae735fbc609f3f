// The page of `demo --keep`, and so the client over gRPC-Web, in a real browser: `npm run test:browser`.
// BEDROCK_GRPC names the binary, CHROMIUM the browser, and SCREENSHOT a file for a picture of the page.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, test } from "node:test";

import { chromium, type Browser, type Page } from "playwright-core";

const BINARY = process.env["BEDROCK_GRPC"] ?? "../../target/debug/bedrock-grpc";
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** A loaded machine needs time for the browser and for the retries. */
const TIMEOUT_MS = 60_000;

let demo: ChildProcess;
let browser: Browser;
let page: Page;
let url: string;
let log = "";
let problems: string[] = [];

/** Starts the demo and returns the address of its page. */
async function startDemo(): Promise<string> {
  demo = spawn(BINARY, ["--log-format", "json", "demo", "--keep"], { env: { ...process.env, RUST_LOG: "info" } });
  demo.stderr?.on("data", (data: Buffer) => (log += data.toString()));
  let output = "";
  for await (const data of demo.stdout ?? []) {
    output += String(data);
    const found = /Open in a browser\n-+\n +(\S+)\n/.exec(output);
    if (found?.[1] !== undefined) return found[1];
  }
  return assert.fail(`the demo ended:\n${output}\n${log}`);
}

before(async () => {
  url = await startDemo();
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  args.push("--disable-background-networking", "--disable-component-update", "--disable-sync");
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args });
});

beforeEach(async () => {
  await page?.close();
  page = await browser.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto(url);
});

after(async () => {
  await browser?.close();
  demo?.kill("SIGTERM");
});

async function send(model: string, prompt = "What is a gateway?"): Promise<void> {
  await page.selectOption("#model", model);
  await page.fill("#prompt", prompt);
  await page.click("#send");
}

/** A value in the list of the call or of the error. */
function fact(list: "call" | "error-details", name: string) {
  return page.locator(`#${list} dd[data-fact="${name}"]`);
}

/** Waits until the call has ended with this status. */
async function expectStatus(status: string): Promise<void> {
  await page.waitForFunction(
    (expected) => document.querySelector('#call dd[data-fact="status"]')?.textContent === expected,
    status,
  );
}

test("text streams, and usage, timing and events are shown", async () => {
  // Counts the states of the message, because a stream that arrives at once would have one.
  await page.evaluate(() => {
    const counter = globalThis as unknown as { states: Set<string> };
    counter.states = new Set();
    const message = () => counter.states.add(document.querySelector(".assistant")?.textContent ?? "");
    new MutationObserver(message).observe(document.querySelector("#chat")!, { subtree: true, childList: true, characterData: true });
  });
  await send("demo.model");
  await expectStatus("OK");
  const states = await page.evaluate(() => (globalThis as unknown as { states: Set<string> }).states.size);
  assert.ok(states > 3, `${states} states`);
  assert.match((await page.locator(".assistant").textContent()) ?? "", /gateway/);
  assert.match((await fact("call", "tokens").textContent()) ?? "", /^\d+ input \+ \d+ output = \d+$/);
  assert.match((await fact("call", "first event").textContent()) ?? "", /ms$/);
  assert.equal(await fact("call", "Region").textContent(), "us-east-1");
  const events = await page.locator("#events li").allTextContents();
  assert.ok(events.length > 10 && events.some((event) => event.includes("messageStop")), events.join("\n"));
  const screenshot = process.env["SCREENSHOT"];
  if (screenshot !== undefined) await page.screenshot({ path: screenshot, fullPage: true });
  assert.deepEqual(problems, []);
});

test("a second message continues the conversation", async () => {
  for (const messages of [1, 2]) {
    await send("demo.model", `Message ${messages}`);
    await expectStatus("OK");
    assert.equal(await page.locator(".assistant").count(), messages);
  }
  assert.deepEqual(problems, []);
});

test("a throttled call shows each attempt with its delay, and then reason and delay", async () => {
  await send("fault.throttling");
  await expectStatus("RESOURCE_EXHAUSTED");
  assert.equal(await fact("error-details", "reason").textContent(), "THROTTLING");
  assert.match((await fact("error-details", "retry after").textContent()) ?? "", /ms$/);
  const attempts = await page.locator("#events .failed").allTextContents();
  assert.ok(attempts.length > 1, attempts.join("\n"));
  for (const attempt of attempts) assert.match(attempt, /RESOURCE_EXHAUSTED.*THROTTLING, retry after \d/);
  assert.deepEqual(problems, []);
});

test("a daily quota shows that no retry helps", async () => {
  await send("fault.throttling-daily");
  await expectStatus("RESOURCE_EXHAUSTED");
  assert.equal(await fact("error-details", "retryable").textContent(), "false");
  assert.equal(await fact("error-details", "retry after").count(), 0);
  assert.ok(await fact("error-details", "quota").textContent());
});

test("an error within a stream keeps the events before it", async () => {
  await send("fault.service-unavailable.after.3");
  await expectStatus("UNAVAILABLE");
  assert.equal(await fact("error-details", "reason").textContent(), "SERVICE_UNAVAILABLE");
  assert.equal(await page.locator("#events li:not(.failed)").count(), 3);
});

test("Stop ends the call at the gateway", async () => {
  await send("fault.stall.after.3");
  await page.waitForFunction(() => document.querySelectorAll("#events li").length === 3);
  assert.doesNotMatch(log, /"status":"CANCELLED"/);
  await page.click("#stop");
  await expectStatus("CANCELLED");
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  while (!/"status":"CANCELLED"/.test(log)) await once(demo.stderr!, "data", { signal });
});

test("a page of another origin cannot call", async () => {
  const { url: gateway } = (await (await fetch(new URL("gateway.json", url))).json()) as { url: string };
  const other = await browser.newPage();
  await other.goto("data:text/html,<title>other</title>");
  const outcome = await other.evaluate(async (address) => {
    const headers = { "content-type": "application/grpc-web+proto" };
    return fetch(`${address}/bedrock.runtime.v1.BedrockRuntimeService/Converse`, { method: "POST", headers, body: "" }).then(
      (response) => String(response.status),
      (error: unknown) => String(error),
    );
  }, gateway);
  assert.match(outcome, /Failed to fetch/);
});
