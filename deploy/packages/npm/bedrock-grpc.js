#!/usr/bin/env node
// Runs the binary of this platform. It comes as an optional dependency: npm installs the one whose `os` and `cpu` match.
"use strict";

const { spawn } = require("node:child_process");
const os = require("node:os");

const name = `@bedrock-grpc/${process.platform}-${process.arch}`;
let binary;
try {
  binary = require.resolve(`${name}/bedrock-grpc`);
} catch {
  console.error(
    `bedrock-grpc: the package ${name} is not installed. Either there is no binary for this platform, or npm was told to leave out ` +
      "optional dependencies (--omit=optional).",
  );
  process.exit(1);
}

const child = spawn(binary, process.argv.slice(2), { stdio: "inherit" });
// A supervisor signals this process; the server must hear of it and have time to drain.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`bedrock-grpc: ${binary}: ${error.message}`);
  process.exit(1);
});
// A process that a signal ended has the exit code 128 and the signal's number.
child.on("exit", (code, signal) => process.exit(signal ? 128 + os.constants.signals[signal] : code));
