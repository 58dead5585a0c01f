/** A tenant on loopback, gateway and console in one, whose answers a test replaces by what a hostile server would send. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createGzip } from "node:zlib";

/** Bytes, or pieces that are sent one after another; `gzip` if they are compressed. */
export interface HostileAnswer {
  pieces: Iterable<Buffer | string>;
  gzip?: boolean;
  status?: number;
}

export interface HostileServer {
  url: string;
  /** By the beginning of a path: what is answered in place of a good answer. */
  answers: Record<string, HostileAnswer | undefined>;
  close(): void;
}

let made = 0;
const GOOD: Record<string, unknown> = {
  "/v1/oauth": { access_token: "t", expires_in: 900 },
  "/v1/customer": { tenantId: "tenant" },
  "/v2/file-events/saved-searches": { searches: [{ id: "saved", name: "saved", groups: [{ filters: [{ term: "risk.severity", operator: "IS", value: "HIGH" }] }] }] },
  "/v2/file-events": { fileEvents: [], nextPgToken: null },
  "/v1/file-events": { fileEvents: [], nextPgToken: null },
  "/v1/sessions": { items: [], totalCount: 0 },
  // Always a new one, so that its details are asked for.
  get "/v1/alerts/query-alerts"() {
    made += 1;
    return { alerts: [{ id: `alert-${made}`, createdAt: new Date().toISOString() }], totalCount: 1 };
  },
  "/v1/alerts/query-details": { alerts: [] },
  "/v1/audit": { events: [] },
};

export async function startHostileServer(): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  const answer = (path: string, response: ServerResponse) => {
    response.setHeader("content-type", "application/json");
    const hostile = Object.entries(server.answers).find(([start, value]) => value !== undefined && path.startsWith(start))?.[1];
    if (hostile !== undefined) return send(response, hostile);
    const known = Object.keys(GOOD).find((start) => path.startsWith(start));
    response.statusCode = known === undefined ? 404 : 200;
    response.end(JSON.stringify(known === undefined ? {} : GOOD[known]));
  };
  const http = createServer((request: IncomingMessage, response) => {
    request.resume();
    request.on("end", () => answer(request.url ?? "", response));
  });
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const server: HostileServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    answers: {},
    close() {
      http.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return server;
}

function send(response: ServerResponse, { pieces, gzip = false, status = 200 }: HostileAnswer): void {
  response.statusCode = status;
  if (gzip) response.setHeader("content-encoding", "gzip");
  const rest = pieces[Symbol.iterator]();
  const more = () => {
    for (;;) {
      const next = rest.next();
      if (next.done === true) return void response.end();
      if (response.destroyed) return;
      if (!response.write(next.value)) return void response.once("drain", more);
    }
  };
  more();
}

/** The pieces, compressed. A gzip file may have several parts (RFC 1952 section 2.2). */
export async function gzipped(pieces: Iterable<Buffer | string>): Promise<Buffer> {
  const gzip = createGzip();
  const chunks: Buffer[] = [];
  gzip.on("data", (chunk: Buffer) => chunks.push(chunk));
  for (const piece of pieces) if (!gzip.write(piece)) await new Promise((resolve) => gzip.once("drain", resolve));
  await new Promise<void>((resolve) => {
    gzip.once("end", resolve);
    gzip.end();
  });
  return Buffer.concat(chunks);
}

/** `text` again and again, about `bytes` bytes in all. */
export function* repeated(text: string, bytes: number): Generator<Buffer> {
  const piece = Buffer.from(text.repeat(Math.max(1, Math.floor(Math.min(65_536, bytes) / text.length))));
  for (let sent = 0; sent + piece.length <= bytes; sent += piece.length) yield piece;
}
