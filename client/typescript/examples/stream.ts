import { user } from "../src/index.js";
import { connect } from "../src/node.js";

const client = connect(`http://${process.env["BEDROCK_GRPC_TARGET"] ?? "127.0.0.1:50051"}`);
const stream = client.converseStream({ modelId: "demo.model", messages: [user("Tell me a story.")] });
for await (const piece of stream.text()) process.stdout.write(piece);
const result = await stream.collect();
console.log(`\n${result.stopReason}, ${result.usage?.totalTokens} tokens, request ${result.requestId}`);
