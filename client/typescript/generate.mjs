// Generates src/gen from the repository's proto/ and from google.rpc's error details, with buf and protoc-gen-es from npm.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const proto = join(here, "../../proto");
const out = join(here, "src/gen");

if (!existsSync(proto)) {
  throw new Error(`${proto} is missing: build from a checkout of the repository`);
}
const folder = mkdtempSync(join(tmpdir(), "bedrock-grpc-proto-"));
try {
  cpSync(join(proto, "bedrock"), join(folder, "bedrock"), { recursive: true });
  mkdirSync(join(folder, "google/rpc"), { recursive: true });
  cpSync(join(here, "node_modules/google-proto-files/google/rpc/error_details.proto"), join(folder, "google/rpc/error_details.proto"));
  writeFileSync(join(folder, "buf.yaml"), "version: v2\n");
  const template = {
    version: "v2",
    plugins: [{ local: join(here, "node_modules/.bin/protoc-gen-es"), out, opt: ["target=ts", "import_extension=js"] }],
  };
  rmSync(out, { recursive: true, force: true });
  execFileSync(join(here, "node_modules/.bin/buf"), ["generate", folder, "--template", JSON.stringify(template)], { stdio: "inherit" });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// One module that exports every message of the runtime.
const runtime = readdirSync(join(out, "bedrock/runtime/v1")).filter((name) => name.endsWith("_pb.ts")).sort();
const lines = runtime.map((name) => `export * from "./bedrock/runtime/v1/${name.replace(/\.ts$/, ".js")}";`);
writeFileSync(join(out, "runtime.ts"), `// Every message of bedrock.runtime.v1. Generated.\n${lines.join("\n")}\n`);

// The shared service config: a timeout and a retry policy for each method.
const config = JSON.parse(readFileSync(join(here, "../service-config.json"), "utf8"));
writeFileSync(
  join(out, "service-config.ts"),
  `// A copy of client/service-config.json. Generated.\nexport const serviceConfig = ${JSON.stringify(config, null, 2)} as const;\n`,
);
