/** An HTTP proxy on loopback that supports CONNECT. */
import { createServer } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";

export interface ConnectProxy {
  url: string;
  /** The targets of all tunnels, as `host:port`. */
  tunnels: string[];
  close(): Promise<void>;
}

/** With `login` (`user:password`) it refuses all other clients with 407; with `refuse` it refuses everybody with that status; with `tls` it listens with TLS. */
export async function startConnectProxy({ login, refuse, tls }: { login?: string; refuse?: number; tls?: ServerOptions } = {}): Promise<ConnectProxy> {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("connect", (request, client: Socket, head: Buffer) => {
    client.on("error", () => client.destroy());
    const allowed = login === undefined || request.headers["proxy-authorization"] === `Basic ${Buffer.from(login).toString("base64")}`;
    if (refuse !== undefined || !allowed) {
      client.end(`HTTP/1.1 ${refuse ?? 407} Refused\r\n\r\n`);
      return;
    }
    const target = request.url ?? "";
    tunnels.push(target);
    const colon = target.lastIndexOf(":");
    const upstream = connect(Number(target.slice(colon + 1)), target.slice(0, colon), () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => client.destroy());
    client.once("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tunnels,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
