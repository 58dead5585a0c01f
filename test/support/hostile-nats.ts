/** Speaks enough NATS to be connected to, and says what a test wants in any place. */
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface HostileNats {
  port: number;
  address: string;
  /** The first line; by default a sound INFO. */
  info: string;
  /** What is sent when the client has signed in; by default PONG. After an error the connection is closed. */
  welcome: string;
  /** The answer to a request to JetStream; undefined: none. */
  answer: (subject: string, reply: string) => string | undefined;
  /** All open connections. */
  sockets: Set<Socket>;
  close(): void;
}

export const infoLine = (more: object = {}) => `INFO ${JSON.stringify({ server_id: "s", version: "2.10.27", proto: 1, headers: true, max_payload: 1_048_576, nonce: "n", ...more })}\r\n`;

/** A message to the inbox of our request. The client's first subscription has the id 1. */
export const message = (reply: string, body: string): string => `MSG ${reply} 1 ${Buffer.byteLength(body)}\r\n${body}\r\n`;

export async function startHostileNats(): Promise<HostileNats> {
  const serve = (socket: Socket) => {
    server.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => server.sockets.delete(socket));
    socket.write(server.info);
    let rest = "";
    let pings = 0;
    socket.on("data", (bytes) => {
      rest += bytes.toString("latin1");
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (line === "PING") {
          socket.write(pings++ === 0 ? server.welcome : "PONG\r\n");
          // As nats-server does.
          if (server.welcome.startsWith("-ERR")) socket.end();
        }
        const [, subject = "", reply = ""] = /^H?PUB (\S+) (_INBOX\S+) /.exec(line) ?? [];
        const answer = reply === "" ? undefined : server.answer(subject, reply);
        if (answer !== undefined) socket.write(answer);
      }
    });
  };
  const tcp = createServer(serve);
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as AddressInfo;
  const server: HostileNats = {
    port, address: `127.0.0.1:${port}`, info: infoLine(), welcome: "PONG\r\n", sockets: new Set(),
    answer: (_subject, reply) => message(reply, JSON.stringify({ type: "io.nats.jetstream.api.v1.account_info_response" })),
    close() {
      tcp.close();
      for (const socket of server.sockets) socket.destroy();
    },
  };
  return server;
}
