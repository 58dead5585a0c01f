/**
 * The tenant of the flow bench, a separate process: it answers searches with prepared pages, so that it needs little
 * processor time. Arguments: a PageFile as JSON, and the latency of a search in ms.
 */
import { openSync, readSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { PageFile } from "./pages";

/** The first message to the parent. */
export interface ServerReady {
  url: string;
}

/** The second message, at the first search. */
export interface ServerAsked {
  /** Epoch ms. */
  askedAt: number;
}

const { file, places } = JSON.parse(process.argv[2] ?? "") as PageFile;
const latencyMs = Number(process.argv[3] ?? 0);
const pages = openSync(file, "r");
let asked = false;

const answer = (response: ServerResponse, body: Buffer | string, encoding?: string) => {
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...(encoding === undefined ? {} : { "content-encoding": encoding }),
  });
  response.end(body);
};

function search(request: { pgToken?: string; pgSize?: number }, response: ServerResponse): void {
  // A request for the number of events gets no answer.
  if (request.pgSize === 1) return answer(response, '{"totalCount":0,"fileEvents":[],"nextPgToken":null}');
  const place = places[Number(request.pgToken ?? 0)];
  if (place === undefined) return answer(response, '{"totalCount":0,"fileEvents":[],"nextPgToken":null}');
  const body = Buffer.allocUnsafe(place.length);
  readSync(pages, body, 0, place.length, place.offset);
  answer(response, body, "gzip");
}

const server = createServer((request, response) => {
  if (request.url?.startsWith("/v1/oauth") === true) return answer(response, '{"access_token":"bench","expires_in":900,"token_type":"bearer"}');
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (!asked) {
      asked = true;
      process.send?.({ askedAt: Date.now() } satisfies ServerAsked);
    }
    const body = JSON.parse(Buffer.concat(chunks).toString() || "{}") as { pgToken?: string; pgSize?: number };
    if (latencyMs > 0) setTimeout(() => search(body, response), latencyMs);
    else search(body, response);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } satisfies ServerReady);
});
process.once("disconnect", () => process.exit());
