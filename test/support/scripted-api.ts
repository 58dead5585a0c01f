/** A server on loopback that accepts every sign-in and lets the test write the answers to searches byte by byte. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface ScriptedApi {
  url: string;
  clientId: string;
  clientSecret: string;
  /** Number of searches so far. */
  searches: number;
  /** The highest number of connections that were open at the same time. */
  mostConnections: number;
  close(): void;
}

/** `answer` gets the response, the number of the search (from 0), its page token and its page size. */
export async function startScriptedApi(answer: (response: ServerResponse, search: number, token: string, pageSize: number) => void): Promise<ScriptedApi> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      if (request.url?.startsWith("/v1/oauth")) response.end('{"access_token":"t","expires_in":900}');
      else {
        const { pgToken, pgSize } = JSON.parse(Buffer.concat(chunks).toString()) as { pgToken: string; pgSize: number };
        answer(response, api.searches++, pgToken, pgSize);
      }
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    api.mostConnections = Math.max(api.mostConnections, sockets.size);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api: ScriptedApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, clientId: "key", clientSecret: "secret", searches: 0, mostConnections: 0,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return api;
}
