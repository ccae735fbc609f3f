import { defineTool, runTools, user } from "../src/index.js";
import { connect } from "../src/node.js";

const weather = defineTool<{ city: string }>({
  name: "get_weather",
  description: "Current weather for a city",
  schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  run: ({ city }) => ({ city, celsius: 18, sky: "clear" }),
});

const client = connect(`http://${process.env["BEDROCK_GRPC_TARGET"] ?? "127.0.0.1:50051"}`);
const request = { modelId: "demo.model", messages: [user("What is the weather in Paris?")] };
const done = await runTools(client, request, [weather]);
console.log(done.result.text);
