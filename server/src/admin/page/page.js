// Reads the paths of the admin port once a second and shows them. Texts become text nodes, never HTML.
"use strict";

const INTERVAL_MS = 1000;

/** The samples of the last read by their series, and the time of that read. Rates are computed from them. */
let before = { samples: new Map(), time: 0 };

/** Parses Prometheus' text format: a list of { name, labels, value, series }. */
function parseMetrics(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const end = line.lastIndexOf(" ");
    const series = line.slice(0, end);
    const brace = series.indexOf("{");
    const name = brace < 0 ? series : series.slice(0, brace);
    const labels = {};
    if (brace >= 0) {
      const pattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
      for (const [, key, value] of series.slice(brace).matchAll(pattern)) {
        labels[key] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
      }
    }
    samples.push({ name, labels, series, value: Number(line.slice(end + 1)) });
  }
  return samples;
}

/** The sum of the values that `read` returns for the samples of `name` for which `fit` is true. */
function sum(samples, name, fit = () => true, read = (sample) => sample.value) {
  return samples.filter((s) => s.name === name && fit(s.labels)).reduce((total, s) => total + read(s), 0);
}

/** The bound of a histogram below which `share` of its values lie. Undefined if the histogram has no values. */
function quantile(samples, name, share, fit) {
  const buckets = new Map();
  for (const sample of samples) {
    if (sample.name === `${name}_bucket` && fit(sample.labels)) {
      const bound = sample.labels.le === "+Inf" ? Infinity : Number(sample.labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + sample.value);
    }
  }
  const total = buckets.get(Infinity) ?? 0;
  if (total === 0) return undefined;
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  return sorted.find(([, count]) => count >= share * total)[0];
}

const number = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 });
const seconds = (value) => (value === undefined ? "" : value === Infinity ? "more" : `< ${number(value)} s`);

/** Fills a table. `rows` is a list of lists; numbers are on the right. */
function fill(id, head, rows) {
  const isNumber = (value) => /^(< )?[\d.,]+( s)?$/.test(value ?? "");
  const cell = (tag, value, column) => {
    const element = document.createElement(tag);
    element.textContent = value ?? "";
    if (rows.length > 0 && rows.every((values) => !values[column] || isNumber(values[column])) && rows.some((values) => values[column])) {
      element.className = "number";
    }
    return element;
  };
  const row = (tag, values) => {
    const element = document.createElement("tr");
    element.append(...values.map((value, column) => cell(tag, value, column)));
    return element;
  };
  const table = document.getElementById(id);
  table.replaceChildren(...(rows.length === 0 ? [row("td", ["none"])] : [row("th", head), ...rows.map((r) => row("td", r))]));
}

/** All different values of `read` over the samples of `name`. */
function distinct(samples, name, read) {
  return [...new Map(samples.filter((s) => s.name === name).map((s) => [JSON.stringify(read(s.labels)), read(s.labels)])).values()];
}

function showMetrics(samples, time) {
  const passed = (time - before.time) / 1000;
  const hasRates = before.time > 0;
  const rate = (sample) => (hasRates ? Math.max(0, sample.value - (before.samples.get(sample.series) ?? 0)) / passed : 0);
  const tokens = (fit) =>
    ["input", "output"].map((kind) => sum(samples, `gen_ai_client_inference_usage_${kind}_tokens_total`, fit, rate));
  const [input, output] = tokens();
  const hasCost = samples.some((s) => s.name === "bedrock_grpc_cost_total");
  const totals = [
    ["calls per second", number(sum(samples, "bedrock_grpc_calls_total", undefined, rate))],
    ["calls running", number(sum(samples, "bedrock_grpc_calls_running"))],
    ["input tokens per second", number(input)],
    ["output tokens per second", number(output)],
    ["rejected", number(sum(samples, "bedrock_grpc_calls_rejected_total"))],
    ["retries", number(sum(samples, "bedrock_grpc_retries_total"))],
    ["cost", hasCost ? `$${(sum(samples, "bedrock_grpc_cost_total") / 1e9).toFixed(4)}` : "not known"],
    ["configuration", number(sum(samples, "bedrock_grpc_configuration_generation"))],
  ];
  document.getElementById("totals").replaceChildren(
    ...totals.map(([name, value]) => {
      const item = document.createElement("div");
      for (const [tag, text] of [["dt", name], ["dd", value]]) {
        const element = document.createElement(tag);
        element.textContent = text;
        item.append(element);
      }
      return item;
    }),
  );
  const pairs = distinct(samples, "bedrock_grpc_calls_total", (l) => [l.bedrock_grpc_caller, l.gen_ai_request_model ?? ""]);
  fill(
    "models",
    ["caller", "model", "calls", "per second", "errors", "tokens per second", "first event p50", "first event p99"],
    pairs.sort().map(([caller, model]) => {
      const fits = (l) => l.bedrock_grpc_caller === caller && (l.gen_ai_request_model ?? "") === model;
      const ofModel = (l) => (l.gen_ai_request_model ?? "") === model;
      const first = (share) => quantile(samples, "gen_ai_client_inference_time_to_first_chunk_seconds", share, ofModel);
      const isError = (l) => fits(l) && l.rpc_response_status_code !== "OK";
      return [
        caller,
        model,
        number(sum(samples, "bedrock_grpc_calls_total", fits)),
        number(sum(samples, "bedrock_grpc_calls_total", fits, rate)),
        number(sum(samples, "bedrock_grpc_calls_total", isError)),
        number(tokens(fits).reduce((a, b) => a + b)),
        seconds(first(0.5)),
        seconds(first(0.99)),
      ];
    }),
  );
  const errors = samples.filter((s) => s.name === "bedrock_grpc_calls_total" && s.labels.error_type !== undefined);
  fill(
    "errors",
    ["error", "status", "caller", "model", "calls"],
    errors
      .sort((a, b) => b.value - a.value)
      .map((s) => [s.labels.error_type, s.labels.rpc_response_status_code, s.labels.bedrock_grpc_caller, s.labels.gen_ai_request_model, number(s.value)]),
  );
  const hosts = samples.filter((s) => s.name === "bedrock_grpc_upstream_connections" && s.value > 0);
  fill(
    "connections",
    ["host", "HTTP", "connections", "requests on them"],
    hosts.map((s) => {
      const same = (l) => l.server_address === s.labels.server_address && l.network_protocol_version === s.labels.network_protocol_version;
      return [s.labels.server_address, s.labels.network_protocol_version, number(s.value), number(sum(samples, "bedrock_grpc_upstream_streams", same))];
    }),
  );
  before = { samples: new Map(samples.map((s) => [s.series, s.value])), time };
}

function showCalls(calls) {
  fill(
    "calls",
    ["age", "rpc", "caller", "model", "target", "Region", "phase", "attempts", "events", "bytes in", "bytes out"],
    calls.map((c) => [
      `${(c.age_ms / 1000).toFixed(1)} s`, c.rpc, c.caller ?? "anonymous", c.model, c.target, c.region, c.phase,
      number(c.attempts), number(c.events), number(c.request_bytes), number(c.response_bytes),
    ]),
  );
}

function showState(text, className) {
  const state = document.getElementById("state");
  state.textContent = text;
  state.className = className;
}

async function read(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(5000) });
  // Only `/readyz` responds with another status than 200, and that response has a body too.
  if (!response.ok && response.status !== 503) throw new Error(`${path}: ${response.status}`);
  return response;
}

async function update() {
  try {
    const [readiness, calls, metrics] = await Promise.all(["readyz", "calls", "metrics"].map(read));
    const { ready, problems } = await readiness.json();
    showState(ready ? "ready" : "not ready", ready ? "ready" : "not-ready");
    fill("problems", ["part", "reason", "since"], problems.map((p) => [p.part, p.reason, p.since]));
    showCalls((await calls.json()).calls);
    showMetrics(parseMetrics(await metrics.text()), performance.now());
    document.getElementById("updated").textContent = `updated ${new Date().toISOString().slice(11, 19)} UTC`;
  } catch (error) {
    showState(`no data: ${error.message}`, "not-ready");
  }
  setTimeout(update, INTERVAL_MS);
}

update();
