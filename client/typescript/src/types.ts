/** Every message of `bedrock.runtime.v1`, and the services. */
export * from "./gen/runtime.js";
