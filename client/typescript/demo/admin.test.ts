// The page of the admin port in a real browser: `npm run test:browser`.
// BEDROCK_GRPC names the binary, CHROMIUM the browser, and ADMIN_SCREENSHOT a file for a picture of the page.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { after, before, test } from "node:test";

import { chromium, type Browser, type Page } from "playwright-core";

const BINARY = process.env["BEDROCK_GRPC"] ?? "../../target/debug/bedrock-grpc";
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** A loaded machine needs time for the browser. */
const TIMEOUT_MS = 60_000;

const processes: ChildProcess[] = [];
const problems: string[] = [];
let browser: Browser;
let page: Page;
let gateway: string;
let admin: string;

/** Starts the binary and returns the lines of its log until one that has `message`. */
async function start(args: string[], env: Record<string, string>, message: string): Promise<Record<string, string>[]> {
  const child = spawn(BINARY, ["--log-format", "json", ...args], { env: { ...process.env, ...env } });
  processes.push(child);
  const lines: Record<string, string>[] = [];
  let rest = "";
  for await (const data of child.stderr ?? []) {
    rest += String(data);
    const complete = rest.split("\n");
    rest = complete.pop() ?? "";
    lines.push(...complete.map((line) => JSON.parse(line) as Record<string, string>));
    if (lines.some((line) => line["message"] === message)) {
      child.stderr?.resume();
      return lines;
    }
  }
  return assert.fail(`the process ended: ${JSON.stringify(lines)}`);
}

/** Runs the client of the binary. Its exit code does not matter: some calls fail. */
function call(model: string, operation = "Converse"): ChildProcess {
  const request = JSON.stringify({ modelId: model, messages: [{ role: "user", content: [{ text: "marked prompt" }] }] });
  const child = spawn(BINARY, ["call", operation, "--address", `http://${gateway}`, "--data", request], { stdio: "ignore" });
  processes.push(child);
  return child;
}

before(async () => {
  const simulator = await start(["simulate", "--listen", "127.0.0.1:0"], {}, "simulating Bedrock");
  const endpoint = simulator.find((line) => line["message"] === "simulating Bedrock")?.["endpoint"] ?? "";
  const env = {
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_EC2_METADATA_DISABLED: "true",
    RUST_LOG: "info",
  };
  const lines = await start(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], env, "serving");
  gateway = lines.find((line) => line["message"] === "serving")?.["address"] ?? "";
  admin = lines.find((line) => line["message"] === "serving the admin port")?.["address"] ?? "";
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  args.push("--disable-background-networking", "--disable-component-update", "--disable-sync");
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args });
  page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
});

after(async () => {
  await browser?.close();
  processes.forEach((child) => child.kill("SIGTERM"));
});

/** Waits until the table has a row with all of `texts`. */
async function expectRow(table: string, texts: string[]): Promise<void> {
  await page.waitForFunction(
    ([id, wanted]) => {
      const rows = Array.from(document.querySelectorAll(`#${id as string} tr`));
      return rows.some((row) => (wanted as string[]).every((text) => row.textContent?.includes(text)));
    },
    [table, texts] as const,
  );
}

test("the page shows state, models, errors and running calls, live and without content", async () => {
  await page.goto(`http://${admin}/`);
  await page.waitForFunction(() => document.querySelector("#state")?.textContent === "ready");
  call("demo.model");
  call("fault.throttling-daily");
  const running = call("fault.stall.after.2", "ConverseStream");
  // The page shows them without a reload.
  await expectRow("models", ["anonymous", "demo.model"]);
  await expectRow("errors", ["THROTTLING", "RESOURCE_EXHAUSTED"]);
  await expectRow("calls", ["ConverseStream", "anonymous", "fault.stall.after.2", "us-east-1", "stream"]);
  await expectRow("connections", ["1.1"]);
  assert.ok(!(await page.content()).includes("marked prompt"));
  const screenshot = process.env["ADMIN_SCREENSHOT"];
  if (screenshot !== undefined) await page.screenshot({ path: screenshot, fullPage: true });
  running.kill("SIGTERM");
  await expectRow("calls", ["none"]);
  await expectRow("errors", ["CANCELLED"]);
  assert.deepEqual(problems, []);
});
