/**
 * One MQTT connection to one broker, from the attempt to its end.
 *
 * Brokers speak MQTT 3.1.1 with clean sessions and QoS 0 only, over mutual TLS 1.2. Their certificates name no host that
 * could be checked, so the chain is verified and the name is not.
 */
import type { X509Certificate } from "node:crypto";
import { Agent } from "node:https";
import type { SecureContext, TLSSocket } from "node:tls";
import type { IClientOptions, MqttClient } from "mqtt";
import { plain, type Border } from "../common/border";
import type { Clock } from "../common/clock";
import type { SiemError } from "../common/errors";
import { serverName, urlHost } from "../common/host";
import { bypasses } from "../common/proxy";
import { missingIssuer, sentIntermediates } from "./chain";
import { brokerName, type BrokerAddress, type FabricOptions } from "./client-config";
import { connectionError, fabricError } from "./fabric-errors";

export interface ConnectionSettings extends Pick<FabricOptions, "webSockets" | "clientId" | "keepAlive"> {
  secure: SecureContext;
  /** The CA bundle of `secure`. */
  authorities: readonly X509Certificate[];
  /** The issuer of the client certificate that the broker has to know. */
  clientIssuer: string;
  /** With user and password; for WebSockets only. */
  proxy: URL | undefined;
  /** Hosts that are connected to without the proxy. */
  noproxy: readonly string[];
  /** Milliseconds that a broker gets to answer. */
  patience: number;
  clock: Clock;
  border: Border;
}

export interface ConnectionListener {
  /** The broker accepted the client. */
  accepted(): void;
  /** An event. mqtt gives each one a Buffer of its own, so `payload` may be kept without a copy. */
  message(topic: string, payload: Buffer): void;
  /** The attempt failed or the connection broke: it is closed, and nothing comes after this. */
  lost(error: SiemError): void;
}

const GOODBYE = 1000;
/** A SUBACK code of this or more is a refusal (MQTT 3.1.1 section 3.9.3). */
const REFUSED = 0x80;

export class Connection {
  /** `host:port` */
  readonly broker: string;
  private client: MqttClient | undefined;
  private closed = false;
  private brokerIssuer: string | undefined;
  /** True while the broker has accepted the connection, but not answered in TLS. */
  private awaitsTls = false;
  private readonly timers = new Set<() => void>();

  /** Starts to connect. */
  constructor(private readonly address: BrokerAddress, private readonly settings: ConnectionSettings, private readonly listener: ConnectionListener) {
    this.broker = brokerName(address);
    void this.open();
  }

  /** True while the broker can be asked. */
  get up(): boolean {
    return this.client?.connected === true;
  }

  /** Asks for the events of `filters`; `answered` gets the filters that the broker refuses. */
  subscribe(filters: string[], answered: (refused: string[]) => void): void {
    const done = this.inTime(answered);
    this.client?.subscribe(filters, { qos: 0 }, (error, _granted, packet) =>
      done(filters.filter((_, index) => Number(packet?.granted[index] ?? (error === null ? 0 : REFUSED)) >= REFUSED)));
  }

  unsubscribe(filters: string[], answered: () => void): void {
    const done = this.inTime(answered);
    this.client?.unsubscribe(filters, () => done());
  }

  /** Calls `callback` after `ms`, unless the connection is closed before; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void {
    const cancel = this.settings.clock.after(ms, () => {
      this.timers.delete(cancel);
      callback();
    });
    this.timers.add(cancel);
    return () => {
      this.timers.delete(cancel);
      cancel();
    };
  }

  /** Says goodbye to the broker. Nothing is called back after this; resolves when the socket is closed. */
  async close(): Promise<void> {
    this.closed = true;
    for (const cancel of this.timers) cancel();
    const { client } = this;
    this.client = undefined;
    if (client === undefined) return;
    await new Promise<void>((resolve) => {
      // A broker that hangs accepts no goodbye, and a second `end` does nothing.
      const cancel = this.settings.clock.after(GOODBYE, () => {
        client.stream.destroy();
        resolve();
      });
      client.end(!client.connected, () => {
        cancel();
        resolve();
      });
    });
  }

  private async open(): Promise<void> {
    const failed = (cause: unknown) => this.lost(this.answersNoTls(cause) ? this.noTls() : connectionError(cause, this.broker, this.settings.border, { brokerIssuer: this.brokerIssuer, clientIssuer: this.settings.clientIssuer }));
    try {
      // Loaded at the first connection: a Node-RED that only has the node installed does not pay for it.
      const { connect } = await import("mqtt");
      const options = await this.options();
      if (this.closed) return;
      const client = connect(options);
      this.client = client;
      if (!this.settings.webSockets) this.watch(client.stream as TLSSocket);
      // mqtt reports a failed TLS attempt twice; over WebSockets, an error without a code comes from the stream only.
      client.on("error", failed);
      client.stream.on("error", failed);
      client.on("close", () => this.lost(this.answersNoTls() ? this.noTls() : fabricError("BROKER_CLOSED", plain.params({ broker: this.broker }))));
      client.on("connect", () => {
        if (!this.closed) this.listener.accepted();
      });
      client.on("message", (topic, payload) => {
        if (!this.closed) this.listener.message(topic, payload);
      });
    } catch (error) {
      failed(error);
    }
  }

  private async options(): Promise<IClientOptions> {
    const { webSockets, keepAlive, clientId, patience, proxy, noproxy, secure } = this.settings;
    const { host, port } = this.address;
    const tls = { secureContext: secure, rejectUnauthorized: true, checkServerIdentity: () => undefined, ...serverName(host) };
    const common: IClientOptions = {
      protocolVersion: 4,
      clean: true,
      keepalive: keepAlive,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      connectTimeout: patience,
      // Skips the debug strings that mqtt makes for each packet.
      log: () => undefined,
      port,
      ...(clientId === undefined ? {} : { clientId }),
    };
    if (!webSockets) return { ...common, ...tls, protocol: "mqtts", host };
    const name = urlHost(host);
    const direct = proxy === undefined || bypasses(new URL(`https://${name}:${port}`), noproxy);
    // The proxy is verified against the system's CAs: the CA of a fabric issues certificates to every client of it.
    const throughProxy = async () => new (await import("hpagent")).HttpsProxyAgent({ proxy: proxy as URL, timeout: patience, proxyRequestOptions: { rejectUnauthorized: true } });
    const agent = this.watching(direct ? new Agent() : await throughProxy());
    return { ...common, protocol: "wss", host: name, wsOptions: { ...tls, agent } };
  }

  /** Notes what the CA bundle lacks before Node.js checks the certificate of the broker: after that it is gone. */
  private watch(socket: TLSSocket): void {
    // Node.js has keys as soon as the broker has answered the first message.
    socket.once("connect", () => (this.awaitsTls = true)).once("keylog", () => (this.awaitsTls = false));
    socket.prependOnceListener("secure", () => {
      const leaf = socket.getPeerX509Certificate();
      if (leaf !== undefined) this.brokerIssuer = missingIssuer(leaf, [...this.settings.authorities, ...sentIntermediates(leaf)]);
    });
  }

  /** True if the connection ended with `cause`, or by the broker, before an answer in TLS. */
  private answersNoTls(cause?: unknown): boolean {
    const { code, message = "" } = (cause ?? {}) as { code?: unknown; message?: string };
    return this.awaitsTls && (cause === undefined || code === "ECONNRESET" || code === "EPIPE" || message === "connack timeout");
  }

  private noTls(): SiemError {
    return fabricError("TLS_NOT_SPOKEN", plain.params({ broker: this.broker }));
  }

  /** `agent`, whose sockets are watched. */
  private watching(agent: Agent): Agent {
    type Create = (options: object, callback: (error: Error | null, socket?: TLSSocket) => void) => TLSSocket | undefined;
    const make = agent as unknown as { createConnection: Create };
    const create = make.createConnection.bind(agent);
    make.createConnection = (options, callback) => {
      // An agent of a proxy gives the socket to the callback.
      const made = create(options, (error, socket) => {
        if (socket != null) this.watch(socket);
        callback(error, socket);
      });
      if (made !== undefined) this.watch(made);
      return made;
    };
    return agent;
  }

  private lost(error: SiemError): void {
    if (this.closed) return;
    void this.close();
    this.listener.lost(error);
  }

  /** Passes an answer of the broker on, and gives the connection up if there is none in time. */
  private inTime<Answer extends unknown[]>(answered: (...answer: Answer) => void): (...answer: Answer) => void {
    const cancel = this.after(this.settings.patience, () => this.lost(fabricError("NO_ANSWER", plain.params({ broker: this.broker }))));
    return (...answer) => {
      cancel();
      if (!this.closed) answered(...answer);
    };
  }
}
