/**
 * One connection to a DXL fabric, shared by everybody who subscribes: it is made for the first and ended after the last.
 *
 *   idle ──first subscriber──► connecting ──SUBACK──► connected        close() ends each of them
 *                               ▲      │ failed        │ lost
 *                               └── waiting ◄──────────┘
 *
 * Brokers speak MQTT 3.1.1 with clean sessions and QoS 0 only, over mutual TLS 1.2. Their certificates carry no host
 * name that could be checked, so the chain is verified and the name is not. The brokers of the list are tried in its
 * order; when none answered, the pause grows (full jitter), and a lost connection begins anew at the first one.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIPv6, type OnReadOpts } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { IClientOptions, MqttClient } from "mqtt";
import type { SiemError } from "../errors";
import { bypasses, proxyUrl, type Proxy } from "../common/proxy";
import type { Clock } from "../syslog/clock";
import { connectionError, credentialError, fabricError } from "./fabric-errors";
import { checkFilter, covers, fewest } from "./filter";
import { PublishReader } from "./publish-reader";

/** `host` as it stands before a port. */
export const urlHost = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

export interface BrokerAddress {
  /** A name or an address; IPv6 without brackets. */
  host: string;
  port: number;
}

/** PEM texts. */
export interface FabricCredentials {
  brokerCertChain: string;
  certificate: string;
  privateKey: string;
  passphrase: string | undefined;
}

export interface FabricOptions {
  /** In the order in which they are tried; at least one. */
  brokers: readonly BrokerAddress[];
  webSockets: boolean;
  credentials: FabricCredentials;
  /** Without one, every connection makes up its own. */
  clientId: string | undefined;
  /** Seconds. */
  keepAlive: number;
  /** For WebSockets only. */
  proxy: Proxy | undefined;
}

export interface FabricParts {
  clock: Clock;
  /** A number from 0 up to 1. */
  random(): number;
  /** For the log: connected, lost and the like. */
  log(level: "info" | "debug", text: string): void;
  /** Called once an outage and cause, when the fabric cannot be reached, was lost or refuses a subscription. */
  outage(error: SiemError): void;
  /** Milliseconds that a broker gets to answer; 15 s by default. */
  patience?: number;
}

export interface FabricState {
  phase: "idle" | "connecting" | "connected" | "waiting" | "closed";
  /** `host:port` of the broker that is or was tried last. */
  broker: string | undefined;
  /** Why the last attempt failed, the connection was lost or (connected) a subscription is refused; a new object for each. */
  error: SiemError | undefined;
  /** Attempts that came to nothing since the last connection that lasted. */
  failures: number;
}

export interface FabricListener {
  /** One event, once whatever the number of filters of this listener that match. `payload` is only lent: copy what you keep. Must not throw. */
  message(topic: string, payload: Buffer): void;
  /** The connection changed; also called from within `subscribe`, with the present state. */
  state(state: FabricState): void;
}

/** What the `dxl-fabric` config node offers to the nodes that use it. */
export interface FabricNode {
  /** The connection of this config node; throws what `fabricOptions` and the constructor of `Fabric` throw. */
  getFabric(): Fabric;
}

interface Subscription {
  filter: string;
  listener: FabricListener;
}

const PATIENCE = 15_000;
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 60_000;
const STABLE_AFTER = 5000;
const GOODBYE = 1000;
/** Topics whose listeners are remembered. */
const TOPICS = 1000;
/** The most that TLS hands over at a time is a record, 16 KiB (RFC 5246 section 6.2.1). */
const READ_BYTES = 16_384;
/** A SUBACK code of this or more is a refusal (MQTT 3.1.1 section 3.9.3). */
const REFUSED = 0x80;

export class Fabric {
  /** Attempts to connect again. */
  reconnects = 0;
  private current: FabricState = { phase: "idle", broker: undefined, error: undefined, failures: 0 };
  private readonly secure: SecureContext;
  private readonly proxy: URL | undefined;
  private readonly subscriptions = new Set<Subscription>();
  private readonly byTopic = new Map<string, readonly FabricListener[]>();
  private client: MqttClient | undefined;
  /** Ends when the attempt or connection that it belongs to does: what comes later from there is ignored. */
  private attempt = {};
  /** The broker to be tried next. */
  private next = 0;
  private pauses = 0;
  /** Filters that the broker granted, and those it refused. */
  private active = new Set<string>();
  private refused = new Set<string>();
  private synchronising = false;
  /** While filters of `active` overlap: the last event, whose further copies follow it directly. */
  private last: { topic: string; payload: Buffer } | undefined;
  private overlapping = false;
  private reported = new Set<string>();
  private cancelTimer = () => {};
  private cancelStable = () => {};
  private cancelRetry = () => {};

  /** Throws CA_INVALID, CREDENTIALS_INVALID, KEY_MISMATCH, PASSPHRASE_MISSING, PASSPHRASE_WRONG, NO_BROKERS, PROXY_URL_INVALID. */
  constructor(private readonly options: FabricOptions, private readonly parts: FabricParts) {
    if (options.brokers.length === 0) throw fabricError("NO_BROKERS", {}, { permanent: true });
    this.secure = secureContext(options.credentials);
    if (options.proxy === undefined) return;
    this.proxy = proxyUrl(options.proxy);
    if (this.proxy === undefined) throw fabricError("PROXY_URL_INVALID", {}, { permanent: true });
  }

  get state(): FabricState {
    return this.current;
  }

  /**
   * Hands every event whose topic matches `filter` to `listener`. The returned function ends that; it may be called
   * any number of times. Throws FILTER_EMPTY, FILTER_PLUS, FILTER_INVALID.
   */
  subscribe(filter: string, listener: FabricListener): () => void {
    const subscription = { filter: checkFilter(filter), listener };
    listener.state(this.current);
    this.subscriptions.add(subscription);
    this.changed();
    return () => {
      if (this.subscriptions.delete(subscription)) this.changed();
    };
  }

  /** Says goodbye to the broker and forgets every subscriber. */
  async close(): Promise<void> {
    this.show({ phase: "closed" });
    this.subscriptions.clear();
    this.byTopic.clear();
    await this.disconnect();
  }

  private changed(): void {
    this.byTopic.clear();
    const { phase } = this.current;
    if (phase === "closed") return;
    if (this.subscriptions.size === 0) {
      this.show({ phase: "idle", broker: undefined, error: undefined, failures: 0 });
      this.reported.clear();
      this.pauses = 0;
      this.next = 0;
      void this.disconnect();
    } else if (phase === "idle") {
      void this.open();
    } else if (this.client?.connected === true) {
      this.synchronise(this.client);
    }
  }

  private async open(): Promise<void> {
    const attempt = (this.attempt = {});
    const address = this.options.brokers[this.next % this.options.brokers.length] as BrokerAddress;
    const broker = `${urlHost(address.host)}:${address.port}`;
    this.show({ phase: "connecting", broker });
    let client: MqttClient;
    const message = (topic: string, payload: Buffer) => {
      if (attempt === this.attempt) this.dispatch(topic, payload);
    };
    const reader = new PublishReader({
      message,
      // What comes here is written over by the next bytes.
      other: (bytes) => void client.stream.push(Buffer.from(bytes)),
    });
    try {
      // Loaded at the first connection: a Node-RED that only has the node installed does not pay for it.
      const { connect } = await import("mqtt");
      const settings = await this.settings(address, (bytes) => reader.read(bytes));
      if (attempt !== this.attempt) return;
      client = connect(settings);
    } catch (error) {
      if (attempt === this.attempt) this.lost(connectionError(error, broker));
      return;
    }
    this.client = client;
    const end = (cause?: unknown) => {
      if (attempt !== this.attempt) return;
      this.lost(cause === undefined ? fabricError("BROKER_CLOSED", { broker }) : connectionError(cause, broker));
    };
    // A failed TLS attempt is told twice by the client, one over WebSockets only by the stream if it has no code.
    client.on("error", end);
    client.stream.on("error", end);
    client.on("close", () => end());
    client.on("connect", () => {
      if (attempt === this.attempt) this.synchronise(client);
    });
    client.on("message", message);
  }

  /** `read` gets what comes over TLS; what comes over WebSockets goes to the client. */
  private async settings({ host, port }: BrokerAddress, read: (bytes: Buffer) => void): Promise<IClientOptions> {
    const { webSockets, keepAlive, clientId } = this.options;
    const tls = { secureContext: this.secure, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    const common: IClientOptions = {
      protocolVersion: 4,
      clean: true,
      keepalive: keepAlive,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      connectTimeout: this.parts.patience ?? PATIENCE,
      // Otherwise it makes up lines for a log that nobody reads, several for each packet.
      log: () => undefined,
      port,
      ...(clientId === undefined ? {} : { clientId }),
    };
    if (!webSockets) return { ...common, ...tls, protocol: "mqtts", host, ...readInto(Buffer.allocUnsafeSlow(READ_BYTES), read) };
    const name = urlHost(host);
    const { proxy } = this;
    const wsOptions: Record<string, unknown> = { ...tls };
    if (proxy !== undefined && !bypasses(new URL(`https://${name}:${port}`), this.options.proxy?.noproxy ?? [])) {
      const { HttpsProxyAgent } = await import("hpagent");
      wsOptions["agent"] = new HttpsProxyAgent({ proxy, timeout: this.parts.patience ?? PATIENCE });
    }
    return { ...common, protocol: "wss", host: name, wsOptions };
  }

  /** Brings the broker's subscriptions in line with ours, one exchange at a time; first the new ones, so that nothing is missed. */
  private synchronise(client: MqttClient): void {
    if (this.synchronising) return;
    const attempt = this.attempt;
    const filters = new Set([...this.subscriptions].map(({ filter }) => filter));
    for (const filter of this.refused) if (!filters.has(filter)) this.refused.delete(filter);
    // A refused filter covers nothing: those it would have covered are asked for one by one.
    const wanted = fewest([...filters].filter((filter) => !this.refused.has(filter)));
    const missing = [...wanted].filter((filter) => !this.active.has(filter));
    const surplus = [...this.active].filter((filter) => !wanted.has(filter));
    this.overlapping = fewest([...this.active, ...missing]).size < this.active.size + missing.length;
    if (!this.overlapping) this.last = undefined;
    if (missing.length === 0 && surplus.length === 0) {
      this.settled();
      return;
    }
    this.synchronising = true;
    const cancel = this.parts.clock.after(this.parts.patience ?? PATIENCE, () => {
      if (attempt === this.attempt) this.lost(fabricError("NO_ANSWER", { broker: this.current.broker ?? "" }));
    });
    const answered = (apply: () => void) => {
      cancel();
      if (attempt !== this.attempt) return;
      apply();
      this.synchronising = false;
      this.synchronise(client);
    };
    if (missing.length > 0) {
      client.subscribe(missing, { qos: 0 }, (error, _granted, packet) => answered(() => {
        missing.forEach((filter, index) => {
          const code = Number(packet?.granted[index] ?? (error === null ? 0 : REFUSED));
          (code >= REFUSED ? this.refused : this.active).add(filter);
        });
      }));
    } else {
      client.unsubscribe(surplus, () => answered(() => {
        for (const filter of surplus) this.active.delete(filter);
      }));
    }
  }

  /** The broker has answered every subscription. */
  private settled(): void {
    const fresh = this.current.phase !== "connected";
    const refusals = [...this.refused].map((filter) => fabricError("SUBSCRIPTION_REFUSED", { filter, broker: this.current.broker ?? "" }));
    const [first] = refusals;
    if (fresh || this.current.error?.params["filter"] !== first?.params["filter"]) this.show({ phase: "connected", error: first });
    if (fresh) {
      this.parts.log("info", `connected to ${this.current.broker ?? ""}`);
      this.cancelStable = this.parts.clock.after(STABLE_AFTER, () => {
        this.next = 0;
        this.pauses = 0;
        this.reported.clear();
        this.show({ failures: 0 });
      });
    }
    this.cancelRetry();
    if (first === undefined) return;
    for (const refusal of refusals) this.report(refusal);
    this.cancelRetry = this.parts.clock.after(LAST_PAUSE * (0.5 + this.parts.random() / 2), () => {
      this.refused.clear();
      if (this.client?.connected === true) this.synchronise(this.client);
    });
  }

  private dispatch(topic: string, payload: Buffer): void {
    if (this.overlapping) {
      if (this.last?.topic === topic && this.last.payload.equals(payload)) return;
      this.last = { topic, payload: Buffer.from(payload) };
    }
    for (const listener of this.listeners(topic)) listener.message(topic, payload);
  }

  private listeners(topic: string): readonly FabricListener[] {
    const known = this.byTopic.get(topic);
    if (known !== undefined) return known;
    const found = [...new Set([...this.subscriptions].filter(({ filter }) => covers(filter, topic)).map(({ listener }) => listener))];
    if (this.byTopic.size >= TOPICS) this.byTopic.clear();
    this.byTopic.set(topic, found);
    return found;
  }

  /** An attempt failed or the connection broke. */
  private lost(error: SiemError): void {
    const wasUp = this.current.phase === "connected";
    void this.disconnect();
    this.report(error);
    const { failures } = this.current;
    this.show({ phase: "waiting", error, failures: failures + 1 });
    if (this.subscriptions.size === 0 || this.state.phase !== "waiting") return;
    // One that connects and does not last is a broker that failed: the next one gets its turn.
    this.next = wasUp && failures === 0 ? 0 : this.next + 1;
    const roundDone = wasUp || this.next % this.options.brokers.length === 0;
    const pause = roundDone ? this.parts.random() * Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** this.pauses++) : 0;
    this.cancelTimer = this.parts.clock.after(pause, () => {
      this.reconnects += 1;
      void this.open();
    });
  }

  private report(error: SiemError): void {
    const key = `${error.code} ${String(error.params["broker"])} ${String(error.params["filter"])}`;
    if (this.reported.has(key)) {
      this.parts.log("debug", error.message);
      return;
    }
    this.reported.add(key);
    this.parts.outage(error);
  }

  private async disconnect(): Promise<void> {
    this.attempt = {};
    this.cancelTimer();
    this.cancelStable();
    this.cancelRetry();
    this.active.clear();
    this.refused.clear();
    this.synchronising = false;
    this.overlapping = false;
    this.last = undefined;
    const { client } = this;
    this.client = undefined;
    if (client === undefined) return;
    await new Promise<void>((resolve) => {
      // A broker that hangs takes no goodbye, and `end` does nothing the second time.
      const cancel = this.parts.clock.after(GOODBYE, () => {
        client.stream.destroy();
        resolve();
      });
      client.end(!client.connected, () => {
        cancel();
        resolve();
      });
    });
  }

  private show(change: Partial<FabricState>): void {
    this.current = { ...this.current, ...change };
    for (const listener of new Set([...this.subscriptions].map((subscription) => subscription.listener))) listener.state(this.current);
  }
}

/**
 * An option of `tls.connect` that the client passes on: what comes is written to `buffer`, again and again, and handed to
 * `read`, instead of becoming a buffer of its own that goes through the socket's stream.
 */
function readInto(buffer: Buffer, read: (bytes: Buffer) => void): IClientOptions {
  const onread: OnReadOpts = {
    buffer,
    callback: (length) => {
      read(buffer.subarray(0, length));
      return true;
    },
  };
  return { onread } as IClientOptions;
}

/** TLS 1.2 or newer; the OpenDXL broker speaks 1.2 only. Throws CA_INVALID and what `credentialError` makes. */
export function secureContext({ brokerCertChain, certificate, privateKey, passphrase }: FabricCredentials): SecureContext {
  // OpenSSL takes a bundle without any certificate, and every broker is then unknown.
  certificatesOf(brokerCertChain);
  const secret = { key: privateKey, ...(passphrase === undefined ? {} : { passphrase }) };
  try {
    const context = createSecureContext({ ca: brokerCertChain, cert: certificate, minVersion: "TLSv1.2", ...secret });
    // OpenSSL compares only a key and a certificate of the same kind, and leaves others side by side.
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(secret))) throw new Error("key type mismatch");
    return context;
  } catch (error) {
    // One wrong passphrase of 256 leaves a padding that looks right (PKCS #7), and OpenSSL complains of what it decrypted.
    if (passphrase !== undefined && ENCRYPTED.test(privateKey) && !isReadable(secret)) throw fabricError("PASSPHRASE_WRONG", {}, { cause: error, permanent: true });
    throw credentialError(error, passphrase !== undefined);
  }
}

/** PKCS #8 (RFC 7468 section 11), and the older form that OpenSSL writes. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

function isReadable(secret: { key: string; passphrase?: string }): boolean {
  try {
    createPrivateKey(secret);
    return true;
  } catch {
    return false;
  }
}

/** The certificates of a PEM text, at least one. Throws CA_INVALID. */
export function certificatesOf(bundle: string): X509Certificate[] {
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw fabricError("CA_INVALID", { reason: "no certificate" }, { permanent: true });
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw fabricError("CA_INVALID", { reason: (cause as Error).message }, { cause, permanent: true });
  }
}
