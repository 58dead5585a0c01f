/** An HTTP server on loopback that records every request and answers as the test decides. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface SinkRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface HttpSink {
  readonly url: string;
  readonly requests: SinkRequest[];
  close(): Promise<void>;
}

/** `answer` returns the status and the JSON body for a request. */
export async function startHttpSink(answer: (request: SinkRequest) => { status: number; body: unknown }): Promise<HttpSink> {
  const requests: SinkRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const request = { path: incoming.url ?? "", headers: incoming.headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      const { status, body } = answer(request);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
