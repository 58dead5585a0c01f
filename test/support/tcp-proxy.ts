/** A TCP proxy on loopback that stands between a sender and its server, and can be as narrow or as shut as a bad line. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Bytes a second towards the server; Infinity for all that comes, 0 for a proxy that ends each connection at once. */
export type Width = number;

export interface TcpProxy {
  readonly port: number;
  /** How many connections were made to it. */
  readonly connections: number;
  /** Existing connections end when it becomes 0. */
  width: Width;
  close(): Promise<void>;
}

const TICKS_PER_SECOND = 10;

export async function startTcpProxy(serverPort: number): Promise<TcpProxy> {
  let width: Width = Infinity;
  let connections = 0;
  const pipes = new Map<Socket, Socket>();

  const forward = (client: Socket, server: Socket, limit: number) => {
    const chunk = client.read(Math.min(limit, client.readableLength)) as Buffer | null;
    if (chunk !== null && chunk.length > 0) server.write(chunk);
  };
  const forwardAll = () => {
    for (const [client, server] of pipes) forward(client, server, Infinity);
  };
  const breakAll = () => {
    for (const pair of pipes) for (const socket of pair) socket.destroy();
  };

  const listener = createServer((client) => {
    connections += 1;
    client.on("error", () => client.destroy());
    if (width === 0) {
      client.destroy();
      return;
    }
    const server = connect(serverPort, "127.0.0.1");
    pipes.set(client, server);
    client.on("readable", () => {
      if (width === Infinity) forward(client, server, Infinity);
    });
    server.on("data", (chunk) => client.write(chunk));
    server.on("error", () => server.destroy());
    client.on("end", () => server.end());
    server.on("close", () => client.destroy());
    client.on("close", () => {
      server.end();
      pipes.delete(client);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const ticks = setInterval(() => {
    if (width !== Infinity) for (const [client, server] of pipes) forward(client, server, Math.ceil(width / TICKS_PER_SECOND));
  }, 1000 / TICKS_PER_SECOND);

  return {
    port: (listener.address() as AddressInfo).port,
    get connections() { return connections; },
    get width() { return width; },
    set width(next: Width) {
      width = next;
      if (next === 0) breakAll();
      if (next === Infinity) forwardAll();
    },
    async close() {
      clearInterval(ticks);
      breakAll();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
