/** `connect` for Node.js: gRPC over HTTP/2. */
import { createGrpcTransport, type GrpcTransportOptions } from "@connectrpc/connect-node";

import { Client, defaultInterceptors, type ConnectOptions } from "./client.js";

/** The gateway's message limit in bytes. */
export const MESSAGE_LIMIT = 32 * 1024 * 1024;
/** A dead connection is noticed within 50 s: a ping after 30 s of silence, and 20 s for its acknowledgement. */
const KEEPALIVE_INTERVAL_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/**
 * Megabytes that a connection may have in memory. Node's 10 would close calls with NGHTTP2_ENHANCE_YOUR_CALM as soon as two large requests
 * are sent at the same time.
 */
const MAX_SESSION_MEMORY_MB = 1024;

/** Options of `connect`. */
export interface NodeConnectOptions extends ConnectOptions {
  /** Options of Node's TLS and HTTP/2, as `ca`, `cert` and `key`. */
  nodeOptions?: GrpcTransportOptions["nodeOptions"];
  /** Milliseconds of silence before a ping checks the connection. Default: 30 s. */
  pingIntervalMs?: number;
}

/** A client of the gateway at `baseUrl` (`http://host:port` or `https://host:port`). It connects at the first call. */
export function connect(baseUrl: string, options: NodeConnectOptions = {}): Client {
  return new Client(
    createGrpcTransport({
      baseUrl,
      interceptors: defaultInterceptors(options),
      readMaxBytes: MESSAGE_LIMIT,
      writeMaxBytes: MESSAGE_LIMIT,
      pingIntervalMs: options.pingIntervalMs ?? KEEPALIVE_INTERVAL_MS,
      pingTimeoutMs: KEEPALIVE_TIMEOUT_MS,
      nodeOptions: { maxSessionMemory: MAX_SESSION_MEMORY_MB, ...options.nodeOptions },
    }),
  );
}
