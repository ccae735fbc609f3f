// Builds the page of `bedrock-grpc demo --keep`. The result is committed, so that cargo builds the binary without Node.js.
//
//     npm run demo-page            writes it
//     npm run demo-page -- --check fails if the committed one differs
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const page = join(here, "../../../server/src/commands/demo/page/page.js");
const result = await build({
  entryPoints: [join(here, "main.ts")],
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  banner: {
    js: "// Built from client/typescript/demo by `npm run demo-page`. Contains @bufbuild/protobuf and @connectrpc/connect (Apache-2.0).",
  },
});
const text = result.outputFiles[0].text;
if (!process.argv.includes("--check")) {
  writeFileSync(page, text);
} else if (readFileSync(page, "utf8") !== text) {
  console.error("server/src/commands/demo/page/page.js is out of date: npm run demo-page");
  process.exit(1);
}
