/**
 * The connection to a DXL fabric that all subscribers share: made for the first one, ended after the last one.
 *
 *   idle ──first subscriber──► connecting ──SUBACK──► connected        close() ends each of them
 *                               ▲      │ failed        │ lost
 *                               └── waiting ◄──────────┘
 *
 * It tries the brokers in the order of the list. When none answered, the pause grows (full jitter); after the loss of a
 * connection that lasted, it starts again with the first broker, or with the next one if the broker hangs.
 */
import { plain, printable, type Printable } from "../common/border";
import type { Clock } from "../common/clock";
import type { SiemError } from "../common/errors";
import { proxyUrl } from "../common/proxy";
import type { BrokerAddress, FabricOptions } from "./client-config";
import { Connection, type ConnectionSettings } from "./connection";
import { certificatesOf, clientIssuer, fabricBorder, secureContext } from "./credentials";
import { fabricError } from "./fabric-errors";
import { checkFilter, covers } from "./filter";
import { Subscriptions } from "./subscriptions";

export interface FabricDependencies {
  clock: Clock;
  /** A number from 0 up to 1. */
  random(): number;
  log(level: "info" | "debug", text: Printable): void;
  /** The fabric cannot be reached, was lost, or refuses a subscription; called once for each outage and cause. */
  outage(error: SiemError): void;
  /** Milliseconds that a broker gets to answer; 15 s by default. */
  patience?: number;
}

/** What everybody may know of the connection. */
export interface FabricState {
  phase: "idle" | "connecting" | "connected" | "waiting" | "closed";
  /** `host:port` of the broker that is or was tried last. */
  broker?: string;
  /** Why the last attempt failed, the connection was lost, or (connected) a subscription is refused; a new object for each. */
  error?: SiemError | undefined;
}

/** With what belongs to a phase alone and ends with it. */
type State = FabricState & (
  | { phase: "idle" }
  | { phase: "closed" }
  | { phase: "connecting" | "connected"; broker: string; connection: Connection; subscriptions: Subscriptions }
  | { phase: "waiting"; broker: string; error: SiemError; cancel(): void }
);

export interface FabricListener {
  /** An event, once even if several filters of this listener match. All listeners get the same `payload`: do not write into it. Must not throw. */
  message(topic: string, payload: Buffer): void;
  /** The connection changed; also called from within `subscribe`, with the present state. */
  state(state: FabricState): void;
}

/** What the `dxl-fabric` config node offers to the nodes that use it. */
export interface FabricNode {
  /** The connection of this config node; rejects with the errors of `fabricOptions` and of the constructor of `Fabric`. */
  getFabric(): Promise<Fabric>;
  /** The nodes that use it, by id: Node-RED gives the errors of a config node to the `catch` nodes of each. */
  users: Record<string, object>;
}

const PATIENCE = 15_000;
const LAST_PAUSE = 60_000;
const STABLE_AFTER = 5000;

/** The broker does not answer: to try it again first would cost the whole patience. */
const SILENT: ReadonlySet<string> = new Set(["BROKER_SILENT", "NO_ANSWER", "TLS_NOT_SPOKEN"]);

/** What went wrong since the last connection that lasted. */
const noTrouble = () => ({
  failures: 0,
  /** Pauses made after all brokers failed or a connection was lost. */
  pauses: 0,
  /** Index of the broker to try next, modulo their number. */
  next: 0,
  /** Outages that were reported. */
  reported: new Set<string>(),
});

export class Fabric {
  /** Attempts to connect again. */
  reconnects = 0;
  private current: State = { phase: "idle" };
  private trouble = noTrouble();
  private readonly subscribers = new Set<{ filter: string; listener: FabricListener }>();
  private readonly settings: ConnectionSettings;

  /** Throws CA_INVALID, CREDENTIALS_INVALID, KEY_MISMATCH, PASSPHRASE_MISSING, PASSPHRASE_WRONG, NO_BROKERS, PROXY_URL_INVALID. */
  constructor(private readonly options: FabricOptions, private readonly dependencies: FabricDependencies) {
    if (options.brokers.length === 0) throw fabricError("NO_BROKERS", {}, { permanent: true });
    const secure = secureContext(options.credentials);
    const authorities = certificatesOf(options.credentials.brokerCertChain);
    const proxy = options.proxy && proxyUrl(options.proxy);
    if (options.proxy !== undefined && proxy === undefined) throw fabricError("PROXY_URL_INVALID", {}, { permanent: true });
    const { webSockets, clientId, keepAlive } = options;
    const { clock, patience = PATIENCE } = dependencies;
    this.settings = { webSockets, clientId, keepAlive, secure, authorities, clientIssuer: clientIssuer(options.credentials), proxy, noproxy: options.proxy?.noproxy ?? [], patience, clock, border: fabricBorder(options) };
  }

  get state(): FabricState {
    return this.current;
  }

  /**
   * Hands every event whose topic matches `filter` to `listener`. The returned function ends that; it may be called
   * any number of times. Throws FILTER_EMPTY, FILTER_PLUS, FILTER_INVALID.
   */
  subscribe(filter: string, listener: FabricListener): () => void {
    const subscriber = { filter: checkFilter(filter), listener };
    listener.state(this.current);
    this.subscribers.add(subscriber);
    this.changed();
    return () => {
      if (this.subscribers.delete(subscriber)) this.changed();
    };
  }

  /** Says goodbye to the broker and forgets every subscriber. */
  async close(): Promise<void> {
    const ended = this.enter({ phase: "closed" });
    this.subscribers.clear();
    await ended;
  }

  private changed(): void {
    const { current } = this;
    if (current.phase === "closed") return;
    if (this.subscribers.size === 0) {
      this.trouble = noTrouble();
      void this.enter({ phase: "idle" });
    } else if (current.phase === "idle") {
      this.connect();
    } else if (current.phase !== "waiting") {
      current.subscriptions.synchronise();
    }
  }

  private connect(): void {
    const { brokers } = this.options;
    const index = this.trouble.next % brokers.length;
    const address = brokers[index] as BrokerAddress;
    const connection = new Connection(address, this.settings, {
      accepted: () => subscriptions.synchronise(),
      message: (topic, payload) => {
        if (!subscriptions.isCopy(topic, payload)) this.dispatch(topic, payload);
      },
      lost: (error) => this.lost(error, connection, index),
    });
    const subscriptions = new Subscriptions({
      connection,
      random: () => this.dependencies.random(),
      wanted: () => new Set([...this.subscribers].map(({ filter }) => filter)),
      settled: (refused) => this.settled(refused, connection, subscriptions),
    });
    void this.enter({ phase: "connecting", broker: connection.broker, error: this.current.error, connection, subscriptions });
  }

  /** The broker has answered every subscription. */
  private settled(refused: readonly string[], connection: Connection, subscriptions: Subscriptions): void {
    const { broker } = connection;
    const { phase, error: before } = this.current;
    const refusals = refused.map((filter) => fabricError("SUBSCRIPTION_REFUSED", plain.params({ filter, broker })));
    const [error] = refusals;
    if (phase === "connecting") {
      this.dependencies.log("info", printable(`connected to ${broker}`));
      connection.after(STABLE_AFTER, () => {
        this.trouble = noTrouble();
      });
    }
    if (phase === "connecting" || before?.params["filter"] !== error?.params["filter"]) {
      void this.enter({ phase: "connected", broker, error, connection, subscriptions });
    }
    for (const refusal of refusals) this.report(refusal);
  }

  private dispatch(topic: string, payload: Buffer): void {
    const matching = [...this.subscribers].filter(({ filter }) => covers(filter, topic));
    for (const listener of new Set(matching.map((subscriber) => subscriber.listener))) listener.message(topic, payload);
  }

  /** An attempt at the broker with this index failed, or the connection broke. */
  private lost(cause: SiemError, { broker }: Connection, index: number): void {
    const { trouble } = this;
    const { brokers, clientId, reconnectDelay } = this.options;
    const wasUp = this.current.phase === "connected";
    // A broker ends a connection when another client connects with its id (MQTT 3.1.1 section 3.1.4); the other one then does the same.
    const idTaken = wasUp && clientId !== undefined && trouble.failures > 0 && cause.code === "BROKER_CLOSED";
    const error = idTaken ? fabricError("CLIENT_ID_TAKEN", plain.params({ broker, clientId })) : cause;
    // A broker whose connection does not last counts as failed, from the second time on.
    if (!wasUp || trouble.failures > 0 || SILENT.has(error.code)) trouble.next = index + 1;
    trouble.failures += 1;
    const roundDone = wasUp || trouble.next % brokers.length === 0;
    const first = 1000 * reconnectDelay;
    const pause = roundDone ? this.dependencies.random() * Math.min(Math.max(LAST_PAUSE, first), first * 2 ** trouble.pauses++) : 0;
    const cancel = this.dependencies.clock.after(pause, () => {
      this.reconnects += 1;
      this.connect();
    });
    void this.enter({ phase: "waiting", broker, error, cancel });
    this.report(error);
  }

  private report(error: SiemError): void {
    const key = `${error.code} ${String(error.params["broker"])} ${String(error.params["filter"])}`;
    if (this.trouble.reported.has(key)) {
      this.dependencies.log("debug", printable(error, 1000));
      return;
    }
    this.trouble.reported.add(key);
    this.dependencies.outage(error);
  }

  /** The one place that changes the state: ends what belongs to the old one only, and tells every listener. Resolves when that has ended. */
  private enter(next: State): Promise<void> {
    const before = this.current;
    this.current = next;
    if (before.phase === "waiting") before.cancel();
    const stays = "connection" in before && "connection" in next && before.connection === next.connection;
    const ended = "connection" in before && !stays ? before.connection.close() : Promise.resolve();
    for (const listener of new Set([...this.subscribers].map((subscriber) => subscriber.listener))) listener.state(this.current);
    return ended;
  }
}
