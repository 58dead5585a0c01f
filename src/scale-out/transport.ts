/**
 * The connection to one server, with bounds that the package's own transport lacks. That one
 *
 * - gathers the first line of a server without a limit, and takes messages of any size,
 * - prints to the console what it cannot parse, secrets included, and then reads no more,
 * - keeps its socket open when the server did not answer in time,
 * - waits without end for a write to a hanging server before it closes the connection, and
 * - compares the certificate of a server that is given by its address with the name "localhost".
 */
import { once } from "node:events";
import { connect as openSocket, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { NatsConnection, NodeConnectionOptions, ServerInfo } from "@nats-io/transport-node";
import type { NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";
import { Frames } from "./frames";
import type { NatsPackages } from "./load";

/** Silence after which a server counts as hanging; the package pings more often. */
const SILENT_MS = 5000;

const bounded = (Base: typeof NodeTransport) => class extends Base {
  private readonly frames = new Frames();
  private host = "";
  private heardAt = performance.now();

  override connect(server: { hostname: string; port: number; tlsName: string }, options: NodeConnectionOptions): Promise<void> {
    this.host = server.tlsName || server.hostname;
    return super.connect(server, options);
  }

  override async dial({ hostname, port }: { hostname: string; port: number }): Promise<Socket> {
    // Set before it is connected, so that `discard` can end it.
    const socket = this.socket = openSocket(port, hostname);
    socket.setNoDelay(true);
    await once(socket, "connect");
    return socket;
  }

  override peekInfo(): Promise<ServerInfo> {
    const { socket } = this;
    return new Promise<ServerInfo>((resolve, reject) => {
      socket.on("data", (bytes) => {
        this.yields.push(bytes);
        const error = this.frames.check(bytes);
        if (error !== undefined) reject(error);
        else if (this.frames.info !== undefined) resolve(this.frames.info);
      });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the server closed the connection")));
    }).finally(() => socket.removeAllListeners());
  }

  override async startTLS(): Promise<TLSSocket> {
    // An attacker in between could have added it.
    if (!this.frames.isJustInfo) throw new Error("the server sent more than its INFO before TLS");
    this.options = { ...this.options, tls: { ...this.options.tls, host: this.host } as NonNullable<NodeConnectionOptions["tls"]> };
    return super.startTLS();
  }

  override setupHandlers(): void {
    let failure: Error | undefined;
    this.socket.on("data", (bytes) => {
      this.heardAt = performance.now();
      const error = this.frames.check(bytes);
      if (error !== undefined) {
        void this.close(error);
        return;
      }
      this.yields.push(bytes);
      this.signal.resolve();
    });
    this.socket.on("error", (error) => { failure = error; });
    this.socket.on("close", () => void this.close(failure));
  }

  override async close(error?: Error): Promise<void> {
    if (!this.connected) this.discard();
    await super.close(error);
  }

  /** The package has no answer to its pings, or got an error that ends the connection. */
  override disconnect(): void {
    const isSilent = performance.now() - this.heardAt > SILENT_MS;
    void this.close(isSilent ? new Error("the server does not answer any more") : undefined);
  }
};

/** Connects to the servers of `options`. Rejects with what the package rejects with, which may be undefined. */
export function connect({ transport, node }: NatsPackages, options: NodeConnectionOptions): Promise<NatsConnection> {
  const Transport = bounded(node.NodeTransport);
  transport.setTransportFactory({ factory: () => new Transport(), dnsResolveFn: node.nodeResolveHost });
  return transport.NatsConnectionImpl.connect(options);
}
