import { BedrockError, Code, user } from "../src/index.js";
import { connect } from "../src/node.js";

const client = connect(`http://${process.env["BEDROCK_GRPC_TARGET"] ?? "127.0.0.1:50051"}`);
try {
  await client.converse({ modelId: "fault.throttling-daily", messages: [user("Hello")] });
} catch (error) {
  if (!(error instanceof BedrockError)) throw error;
  console.log(Code[error.code], error.reason, error.retryable ? "retryable" : "final", error.requestId);
}
