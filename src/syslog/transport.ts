/**
 * UDP, TCP and TLS behind one interface. A transport opens links. A link takes whole frames, reports when the other side
 * has them, as far as it can tell, and reports once that it is gone; after that it is not used again. RELP, which adds
 * answers to a byte stream, has its own file.
 */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, TLSSocket, type ConnectionOptions } from "node:tls";
import { plain, type Border } from "../common/border";
import type { Clock } from "../common/clock";
import type { SiemError } from "../common/errors";
import { serverName } from "../common/host";
import { syslogError } from "./errors";
import type { Frames } from "./framing";

export interface LinkListener {
  /** The link can be written to. */
  ready(): void;
  /** After a `write` that returned false: the link can be written to again. */
  drain(): void;
  /** The link is gone: once, never from within `connect` or `write`; without an error the server closed it. */
  closed(error?: Error): void;
  /** Bytes from the other side of a stream. Without this method they are thrown away: syslog has no answers. */
  data?(bytes: Buffer): void;
  /** The server has verified our certificate, or had the time to refuse it: right after `ready`, which waits for this. */
  accepted?(): void;
  /** The kernel has taken no byte for a minute, although there are some to take. */
  stalled?(): void;
}

/** The outcome of the frames of one write: in their order, once for each frame, as long as the link lasts. */
export interface WriteReport {
  /**
   * The transport has done what it can with the next `count` frames: TCP and TLS gave them to the kernel, which says
   * nothing about the server (RFC 6587 section 3.1), all at once; UDP sent the datagrams; RELP has the server's answer.
   */
  handedOver(count: number): void;
  /** The next frame was refused; if `reason.permanent`, it cannot be sent to any receiver. */
  refused(reason: SiemError): void;
}

/** The addresses of a connection, as Node gives them. */
export interface Ends {
  local: { address: string; port: number };
  remote: { address: string; port: number };
}

export interface Link {
  /** Of a stream that is connected. */
  readonly ends?: Ends | undefined;
  /** Hands over whole frames; false asks to wait for `drain`. Reports later, never from within `write`. */
  write(frames: Frames, report: WriteReport): boolean;
  /** Ends in an orderly way after everything that was written. */
  end(): void;
  destroy(): void;
}

export interface Transport {
  connect(listener: LinkListener): Link;
  /** Most frames that one `write` takes. */
  maxFrames: number;
  /** Most bytes that one `write` takes; a single longer frame may be written alone. */
  maxBytes: number;
  /** No answers: what was handed over has to be seen to arrive, and what was written lately is sent again when a link is lost. */
  stream: boolean;
  /** Sizes in bytes, largest first, to which a refused frame is cut, one after the other. */
  shorterSizes: readonly number[];
}

export interface Target {
  host: string;
  port: number;
  clock: Clock;
  /** For every text of the server; the plain one by default. */
  border?: Border;
  /** Milliseconds to connect in. */
  patience?: number;
  /** Milliseconds without a byte taken until a ready link is `stalled`. */
  stallPatience?: number;
}

const PATIENCE = 30_000;
const STALL_PATIENCE = 60_000;
const KEEP_ALIVE = 30_000;
/** Milliseconds in which a busy server on a fast network has judged our certificate. */
const JUDGEMENT = 250;
const NAME_LIFETIME = 60_000;
/** Milliseconds for an answer that nobody listens at an address. */
const PROOF = 200;

export const tcpTransport = (target: Target): Transport => ({
  connect: (listener) => {
    const socket = connectTcp({ host: target.host, port: target.port });
    return streamLink(socket, (ready) => socket.once("connect", () => ready(false)), target, listener);
  },
  maxFrames: Infinity,
  maxBytes: 256 * 1024,
  stream: true,
  shorterSizes: [],
});

/**
 * Node's own check compares the certificate with the server name, for an address too (RFC 5425 section 5.2).
 *
 * In TLS 1.3 a server verifies the client's certificate when the handshake is over for the client, and sends a ticket for
 * the session only after that, if at all (RFC 8446 section 4.6.1). Its refusal cannot be read any more once a write has
 * failed, so nothing is written before the ticket came, or twice the time that connecting took has passed, and at least
 * what a busy server needs. RELP does not wait: it has answers, and librelp's server falls asleep after the handshake
 * unless it is written to at once.
 */
export const tlsTransport = (target: Target, options: ConnectionOptions): Transport => ({
  ...tcpTransport(target),
  connect: (listener) => {
    const { clock, host, port } = target;
    const began = clock.now();
    const socket = connectTls({ ...serverName(host), ...options, host, port });
    let awaitsVerdict = false;
    // Node.js has keys as soon as the server has answered the first message.
    let awaitsTls = false;
    socket.once("connect", () => (awaitsTls = true)).once("keylog", () => (awaitsTls = false));
    const whenReady = (ready: (accepted: boolean) => void) => socket.once("secureConnect", () => {
      if (socket.getProtocol() !== "TLSv1.3" || listener.accepted === undefined) return ready(false);
      const withCertificate = options.cert !== undefined;
      awaitsVerdict = withCertificate;
      const cancel = clock.after(Math.max(2 * (clock.now() - began), JUDGEMENT), () => go(true));
      const go = (accepted: boolean) => {
        cancel();
        awaitsVerdict = false;
        ready(accepted);
      };
      socket.once("session", () => go(withCertificate)).once("close", cancel);
    });
    // Not every server sends an alert before it closes.
    const closed = (error?: Error) => {
      const silently = error === undefined || ["ECONNRESET", "EPIPE", "NO_ANSWER"].includes((error as NodeJS.ErrnoException).code ?? "");
      if (awaitsTls && silently) return listener.closed(syslogError("TLS_NOT_SPOKEN", plain.params({ host, port })));
      listener.closed(awaitsVerdict && silently ? syslogError("TLS_CLIENT_CERTIFICATE", (target.border ?? plain).params({ host, reason: error ?? "connection closed" })) : error);
    };
    return streamLink(socket, whenReady, target, { ...listener, closed });
  },
});

/**
 * A receiver with a buffer of default size loses datagrams that come faster than it reads, so the sender yields after each
 * write. Every receiver takes 1180 bytes over IPv6 and 480 over IPv4 (RFC 5426 section 3.2).
 */
export const udpTransport = (target: Target): Transport => ({
  connect: (listener) => new UdpLink(target, listener),
  maxFrames: 50,
  maxBytes: 64 * 1024,
  stream: false,
  shorterSizes: [1180, 480],
});

/** Undefined unless `socket` is connected. */
export function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): Ends | undefined {
  if (localAddress === undefined || localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined;
  return { local: { address: localAddress, port: localPort }, remote: { address: remoteAddress, port: remotePort } };
}

/** `whenReady` calls back when `socket` can be written to, and says whether the server has accepted our certificate. */
function streamLink(socket: Socket, whenReady: (ready: (accepted: boolean) => void) => void, target: Target, listener: LinkListener): Link {
  const { host, port, patience = PATIENCE, stallPatience = STALL_PATIENCE } = target;
  let ready = false;
  let gone = false;
  const lose = (error?: Error) => {
    if (gone) return;
    gone = true;
    socket.destroy();
    listener.closed(error);
  };
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE);
  // Keep-alive does not run while data is unacknowledged, and the kernel then tries for a quarter of an hour. Node's
  // time-out does not fire while the kernel still takes bytes.
  socket.setTimeout(patience);
  whenReady((accepted) => {
    if (ready || gone) return;
    ready = true;
    socket.setTimeout(stallPatience);
    listener.ready();
    if (accepted) listener.accepted?.();
  });
  socket.on("timeout", () => {
    if (!ready) lose(syslogError("NO_ANSWER", plain.params({ host, port })));
    else if (socket.writableLength > 0 && !gone) listener.stalled?.();
  });
  socket.on("drain", () => listener.drain());
  socket.on("error", lose);
  socket.on("close", () => lose());
  // Reading is the only way to see that the server ended the connection: without it the socket goes on taking lines.
  socket.on("end", () => lose());
  socket.on("data", (bytes: Buffer) => {
    if (!gone) listener.data?.(bytes);
  });
  return {
    get ends() {
      return endsOf(socket);
    },
    write: ({ bytes, ends }, report) => socket.write(bytes, (error) => {
      if (error == null) report.handedOver(ends.length);
    }),
    end: () => void socket.end(),
    // A line of which only a part was written would end here, and the server would take the half for a line. After a reset it
    // takes nothing of it, and nothing arrives later behind newer lines. (A TLSSocket has no reset of its own.)
    destroy: () => {
      // By itself this waits until everything is written.
      if (socket.writableLength > 0 && !(socket instanceof TLSSocket)) socket.resetAndDestroy();
      socket.destroy();
    },
  };
}

class UdpLink implements Link {
  private socket: DatagramSocket | undefined;
  private address = "";
  /** Further addresses of the name, in the order of the resolver. */
  private others: LookupAddress[] = [];
  /** The address in use took datagrams, and nothing came back for a moment. */
  private proven = false;
  private gone = false;
  private cancelRenewal = () => {};

  constructor(private readonly target: Target, private readonly listener: LinkListener) {
    this.resolve().then(() => {
      if (!this.gone) this.listener.ready();
    }, (error: Error) => this.lose(error));
  }

  write(frames: Frames, report: WriteReport): boolean {
    this.send(frames).then((refusals) => {
      if (this.gone) return;
      for (const refusal of refusals) {
        if (refusal === undefined) report.handedOver(1);
        else report.refused(refusal);
      }
      this.listener.drain();
    }, (error: Error) => this.lose(error));
    return false;
  }

  end(): void {
    this.lose();
  }

  destroy(): void {
    this.gone = true;
    this.release();
  }

  private async resolve(): Promise<void> {
    const { host, clock } = this.target;
    // If the name does not resolve then, the old address stays in use.
    this.cancelRenewal = clock.after(NAME_LIFETIME, () => void this.resolve().catch(() => undefined));
    const addresses = await lookup(host, { all: true });
    if (addresses[0]?.address !== this.address) await this.useFirst(addresses);
  }

  /**
   * Takes the first of `addresses` to which the system knows a way, and throws the last error if there is none. Connects the
   * socket: that saves a look-up for each datagram, and the socket hears that nobody listens (ICMP).
   */
  private async useFirst([next, ...others]: LookupAddress[], lastError?: Error): Promise<void> {
    if (this.gone) return;
    if (next === undefined) throw lastError ?? syslogError("HOST_UNKNOWN", plain.params({ host: this.target.host, reason: "no address" }));
    const socket = createSocket(next.family === 6 ? "udp6" : "udp4");
    socket.on("error", (error) => {
      if (socket === this.socket && this.proven) this.lose(error);
    });
    const error = await new Promise<Error | undefined>((done) => { socket.connect(this.target.port, next.address, done as () => void); });
    if (error != null || this.gone) socket.close();
    if (error != null) return this.useFirst(others, error);
    if (this.gone) return;
    const old = this.socket;
    this.socket = socket;
    this.address = next.address;
    this.others = others;
    this.proven = false;
    // Datagrams that were given to the old socket leave it within a turn of the event loop.
    if (old !== undefined) this.target.clock.after(1000, () => old.close());
  }

  /**
   * Sends the frames; returns for each one why it was refused, or undefined. The first frames to an address wait a moment for
   * the answer that nobody listens or no way leads there (ICMP): then they go to the next address of the name, as a TCP
   * connection does.
   */
  private async send(frames: Frames): Promise<(SiemError | undefined)[]> {
    for (;;) {
      const { socket, proven } = this;
      if (socket === undefined) return [];
      try {
        const refusals = await this.sendTo(socket, frames, proven ? 0 : PROOF);
        if (socket === this.socket) this.proven = true;
        return refusals;
      } catch (error) {
        if (proven) throw error;
        // Another socket is in use already if the name was looked up meanwhile.
        if (socket === this.socket) await this.useFirst(this.others, error as Error);
      }
    }
  }

  /** Fulfils `wait` ms after all frames were sent; throws if the socket reports an error until then. */
  private sendTo(socket: DatagramSocket, { bytes, ends }: Frames, wait: number): Promise<(SiemError | undefined)[]> {
    return new Promise((resolve, reject) => {
      const refusals = ends.map((): SiemError | undefined => undefined);
      let left = ends.length;
      const sent = () => {
        left -= 1;
        if (left > 0) return;
        if (wait === 0) resolve(refusals);
        else this.target.clock.after(wait, () => resolve(refusals));
      };
      if (wait > 0) socket.once("error", reject);
      ends.forEach((end, index) => {
        const start = ends[index - 1] ?? 0;
        socket.send(bytes, start, end - start, (error) => {
          if (error == null) return sent();
          if ((error as NodeJS.ErrnoException).code !== "EMSGSIZE") return reject(error);
          refusals[index] = syslogError("DATAGRAM_TOO_LONG", { bytes: end - start }, { permanent: true });
          sent();
        });
      });
    });
  }

  private lose(error?: Error): void {
    if (this.gone) return;
    this.gone = true;
    this.release();
    setImmediate(() => this.listener.closed(error));
  }

  private release(): void {
    this.cancelRenewal();
    this.socket?.close();
    this.socket = undefined;
  }
}
