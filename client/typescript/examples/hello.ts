import { user } from "../src/index.js";
import { connect } from "../src/node.js";

const client = connect(`http://${process.env["BEDROCK_GRPC_TARGET"] ?? "127.0.0.1:50051"}`);
const result = await client.converse({ modelId: "demo.model", messages: [user("Hello")] });
console.log(result.text);
