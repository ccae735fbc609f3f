/**
 * Amazon Bedrock over gRPC, without an AWS SDK.
 *
 *     import { user } from "@bedrock-grpc/client";
 *     import { connect } from "@bedrock-grpc/client/node";
 *
 *     const client = connect("http://127.0.0.1:50051");
 *     const result = await client.converse({ modelId: "demo.model", messages: [user("Hello")] });
 *     console.log(result.text);
 */
export * from "./build.js";
export { Client, ConverseStream, type ConnectOptions } from "./client.js";
export { Collector } from "./collect.js";
export { BedrockError, TurnLimitError, type FieldViolation, type QuotaViolation } from "./errors.js";
export { ConverseResult, textOf, toolUses, usage, type ToolUse } from "./read.js";
export { retryInterceptor, retryPolicyOf, timeoutOf, type RetryPolicy } from "./retry.js";
export { defineTool, runTools, type Tool, type ToolLoopOptions, type ToolLoopResult } from "./tools.js";
export { Code } from "@connectrpc/connect";
