/** A TCP proxy on loopback between a sender and its server. It can limit the rate, refuse connections, and forget what it took. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Bytes a second towards the server. Infinity: no limit. 0: the proxy ends each connection at once. */
export type Rate = number;

export interface TcpProxy {
  readonly port: number;
  /** Number of connections so far. */
  readonly connections: number;
  /** Setting it to 0 also ends existing connections. */
  rate: Rate;
  /** While it is set, the proxy throws away what clients send, and ends each connection after so many ms, as a load balancer without a server does. */
  holdMs: number | undefined;
  close(): Promise<void>;
}

const TICKS_PER_SECOND = 10;

export async function startTcpProxy(serverPort: number, serverAddress = "127.0.0.1"): Promise<TcpProxy> {
  let rate: Rate = Infinity;
  let holdMs: number | undefined;
  let connections = 0;
  const pipes = new Map<Socket, Socket>();

  const forward = (client: Socket, server: Socket, limit: number) => {
    const chunk = client.read(Math.min(limit, client.readableLength)) as Buffer | null;
    if (chunk !== null && chunk.length > 0) server.write(chunk);
  };
  const forwardAll = () => {
    for (const [client, server] of pipes) forward(client, server, Infinity);
  };
  const hold = (client: Socket, ms: number) => {
    client.removeAllListeners("readable").resume();
    setTimeout(() => client.destroy(), ms);
  };
  const breakAll = () => {
    for (const pair of pipes) for (const socket of pair) socket.destroy();
  };

  const listener = createServer((client) => {
    connections += 1;
    client.on("error", () => client.destroy());
    if (rate === 0) {
      client.destroy();
      return;
    }
    if (holdMs !== undefined) {
      hold(client, holdMs);
      return;
    }
    const server = connect(serverPort, serverAddress);
    pipes.set(client, server);
    client.on("readable", () => {
      if (rate === Infinity) forward(client, server, Infinity);
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
    if (rate !== Infinity) for (const [client, server] of pipes) forward(client, server, Math.ceil(rate / TICKS_PER_SECOND));
  }, 1000 / TICKS_PER_SECOND);

  return {
    port: (listener.address() as AddressInfo).port,
    get connections() { return connections; },
    get rate() { return rate; },
    set rate(next: Rate) {
      rate = next;
      if (next === 0) breakAll();
      if (next === Infinity) forwardAll();
    },
    get holdMs() { return holdMs; },
    set holdMs(next: number | undefined) {
      holdMs = next;
      if (next !== undefined) for (const client of pipes.keys()) hold(client, next);
    },
    async close() {
      clearInterval(ticks);
      breakAll();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
