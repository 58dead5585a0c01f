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
import type { NatsPackages } from "./load";

/** The largest message that we send, bytes. NATS takes 1 MiB by default, and advises against more than 8. */
export const MOST_PAYLOAD = 8 * 2 ** 20;
/** The default of nats-server. */
export const USUAL_PAYLOAD = 2 ** 20;
/** The JetStream API answers in base64. */
const MOST_RECEIVED = 2 * MOST_PAYLOAD;
/** An INFO names every server of a cluster. */
const MOST_LINE = 2 ** 20;
/** Of the lines that a server may send (NATS client protocol). */
const FIRST_LETTERS = "IMHP+-";
const NOT_NATS = "this port does not speak NATS";

/** Checks what a server sends before the package parses it. */
class Frames {
  /** The last INFO. */
  info: ServerInfo | undefined;
  private lines = 0;
  private line = "";
  /** Bytes of a message that are still to come. */
  private payload = 0;

  get isJustInfo(): boolean {
    return this.lines === 1 && this.line === "";
  }

  /** Returns an error if the bytes are not NATS, or too many. */
  check(bytes: Buffer): Error | undefined {
    for (let at = 0; at < bytes.length;) {
      if (this.payload > 0) {
        const skipped = Math.min(this.payload, bytes.length - at);
        this.payload -= skipped;
        at += skipped;
        continue;
      }
      const end = bytes.indexOf("\n", at);
      const next = end < 0 ? bytes.length : end + 1;
      this.line += bytes.toString("latin1", at, next);
      at = next;
      if (!FIRST_LETTERS.includes(this.line.charAt(0).toUpperCase())) return new Error(NOT_NATS);
      if (this.line.length > MOST_LINE) return new Error(`the server sent a line of more than ${MOST_LINE} bytes`);
      const error = end < 0 ? undefined : this.finish(this.line);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  private finish(line: string): Error | undefined {
    this.line = "";
    this.lines += 1;
    if (/^H?MSG /i.test(line)) {
      const size = Number(/ (\d{1,15})\r\n$/.exec(line)?.[1] ?? NaN);
      this.payload = size + "\r\n".length;
      return size <= MOST_RECEIVED ? undefined : new Error(`the server sent a message of more than ${MOST_RECEIVED} bytes`);
    }
    if (/^INFO /i.test(line)) {
      this.info = infoOf(line.slice("INFO ".length));
      return this.info === undefined ? new Error(NOT_NATS) : undefined;
    }
    return /^(?:PING|PONG|\+OK|-ERR .*)\r\n$/i.test(line) ? undefined : new Error(NOT_NATS);
  }
}

/** Undefined if the package could not use `text`: it throws for a version in another form. */
function infoOf(text: string): ServerInfo | undefined {
  try {
    const info = JSON.parse(Buffer.from(text, "latin1").toString()) as Partial<ServerInfo> | null;
    return typeof info?.version === "string" && /^\d{1,6}\.\d{1,6}\.\d{1,6}(?:\D.{0,50})?$/.test(info.version) ? info as ServerInfo : undefined;
  } catch {
    return undefined;
  }
}

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
