/** A server on loopback that keeps the bytes of each request, and answers with what it is given. */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** The header lines are sorted: their order means nothing. */
export interface RecordedRequest {
  line: string;
  headers: string[];
  body: string;
}

type Answer = (socket: Socket, request: RecordedRequest) => void;

export interface RecordingServer {
  port: number;
  requests: RecordedRequest[];
  /** Gets each complete request, and the socket to write to. */
  answer: Answer;
  close(): void;
}

export async function startRecordingServer(answer: Answer, tls?: TlsOptions): Promise<RecordingServer> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    let received = "";
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [line = "", ...headers] = received.slice(0, end).split("\r\n");
      const length = Number(/^content-length: (\d+)$/im.exec(received.slice(0, end))?.[1] ?? 0);
      const rest = received.slice(end + 4);
      if (rest.length < length) return;
      received = rest.slice(length);
      const request = { line, headers: headers.sort(), body: rest.slice(0, length) };
      made.requests.push(request);
      made.answer(socket, request);
    });
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const made: RecordingServer = {
    port: (server.address() as AddressInfo).port,
    requests: [],
    answer,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return made;
}

/** The complete response with a body of JSON; `headers` are further lines, each with its end. */
export const json = (body: string, headers = ""): string => `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
