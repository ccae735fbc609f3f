/** `connect` for browsers, over gRPC-Web. The gateway serves it if its operator turns it on; a proxy in front of it can serve it too. */
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { Client, defaultInterceptors, type ConnectOptions } from "./client.js";

/** A client of the gateway at `baseUrl`. Browsers cannot stream requests, so the bidirectional stream is not available. */
export function connect(baseUrl: string, options: ConnectOptions = {}): Client {
  return new Client(createGrpcWebTransport({ baseUrl, interceptors: defaultInterceptors(options) }));
}
