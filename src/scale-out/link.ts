/**
 * The connection to NATS that all nodes of a configuration share: made for the first user, ended after the last one.
 *
 *   idle ──first user──► connecting ──► connected        close() ends each of them
 *                         ▲      │ failed   │ lost
 *                         └── waiting ◄─────┘
 *
 * Each connection is a session of its own. The package could connect again by itself, but would keep what is published
 * meanwhile without a bound, and would not see that a stream was deleted.
 */
import { randomBytes } from "node:crypto";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import type { Border } from "../common/border";
import { within, type Clock } from "../common/clock";
import type { Params, SiemError } from "../common/errors";
import { processWide } from "../common/process-wide";
import type { Figures } from "../metrics/table";
import { explainNats } from "./explain";
import { loadNats, type NatsPackages } from "./load";
import { isLoopback } from "./names";
import { connectTo, natsBorder, serverFacts } from "./server";
import type { NatsSettings } from "./settings";
import { openBucket, openStream } from "./setup";
import { Trouble } from "./trouble";

/** A connection that is or was up. Its requests reject once it is lost. */
export interface Session {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** The largest message that the server takes, bytes. */
  readonly maxPayload: number;
  /** Makes or checks the stream; resolves with the most bytes that it holds. Rejects with STREAM_UNSUITABLE, STREAM_REFUSED, STREAM_MISSING and what `explainNats` returns. */
  stream(): Promise<number>;
  /** The bucket of the cursors and leases, made or checked at the first call, and again after `forgetBucket`. Rejects as `stream` does. */
  bucket(): Promise<KV>;
  forgetBucket(): void;
  /** Sends a message that nobody answers. False if the connection is lost. */
  send(subject: string, body: string): boolean;
  headers(): MsgHdrs;
}

export type LinkState =
  | { phase: "idle" | "closed" | "connecting" }
  | { phase: "connected"; session: Session }
  /** `error`: why the last attempt failed or the connection was lost. */
  | { phase: "waiting"; error: SiemError };

export interface LinkDependencies {
  clock: Clock;
  /** A number from 0 up to 1. */
  random(): number;
  systemHostname: string;
  /** The server cannot be reached, was lost, or refuses us; called once for each outage and code. */
  outage(error: SiemError): void;
  warn(key: string, params: Params): void;
  load?: () => Promise<NatsPackages>;
}

/** What the `nats-connection` config node offers to the nodes that use it. */
export interface NatsConnectionNode {
  /** The connection of this config node. Throws the errors of `readSettings`, and those of its TLS configuration. */
  getLink(): NatsLink;
  /** The nodes that use it, by id: Node-RED gives the errors of a config node to the `catch` nodes of each. */
  users: Record<string, object>;
}

/** The package waits 5 s: too long for a lease. */
const REQUEST_MS = 1500;
const OUTAGE = { firstPauseMs: 250, lastPauseMs: 5000, permanentPauseMs: 30_000, quietMs: Infinity };
/** A connection that ends earlier belongs to the outage before it. */
const SOUND_MS = 1000;
const CLOSE_MS = 2000;
/** Subjects to report in one session: a server may invent any number. */
const MOST_REPORTED = 10;
/** Subjects of messages that nobody answers: only the connection learns that they were refused. */
const UNANSWERED = /^\$JS\.(?:ACK|API\.CONSUMER\.MSG\.NEXT)\./;

export class NatsLink {
  /** Names this process on a lease: `<hostname>/<4 hex>`. */
  readonly instance: string;
  readonly border: Border;
  /** Attempts to connect again. */
  reconnects = 0;
  /** Leases that this process holds: an instance with fewer takes the next one first. */
  readonly leases = new Set<object>();
  private current: LinkState = { phase: "idle" };
  private readonly users = new Set<(state: LinkState) => void>();
  private cancel: () => void = () => undefined;
  private connection: NatsConnection | undefined;
  private readonly outage: Trouble;
  private readonly warned = new Set<string>();
  private lastLeft: (() => void) | undefined;

  constructor(readonly settings: NatsSettings, private readonly dependencies: LinkDependencies) {
    this.instance = `${dependencies.systemHostname}/${bootId()}`;
    this.border = natsBorder(settings);
    this.outage = new Trouble(dependencies.clock, (error) => dependencies.outage(error), OUTAGE);
  }

  get state(): LinkState {
    return this.current;
  }

  /** The session; undefined while there is no connection. */
  get session(): Session | undefined {
    return this.current.phase === "connected" ? this.current.session : undefined;
  }

  /** Why the last attempt failed or the connection was lost, until the next attempt begins. */
  get failure(): SiemError | undefined {
    return this.current.phase === "waiting" ? this.current.error : undefined;
  }

  get figures(): Figures {
    return { connected: this.session === undefined ? 0 : 1, reconnects: this.reconnects };
  }

  /** Turns an error of the NATS packages into one of ours. If it says that something is missing, that may be the bucket: the session looks for it again. */
  explain(error: unknown, server = this.settings.servers.join(", ")): SiemError {
    const explained = explainNats(error, this.border, { ...this.settings, server });
    if (explained.code === "STREAM_MISSING") this.session?.forgetBucket();
    return explained;
  }

  /**
   * Calls `changed` with the present state and with each new one, and connects for the first user. The returned function ends
   * that; it may be called any number of times.
   */
  use(changed: (state: LinkState) => void): () => void {
    // Two users may pass the same function.
    const user = (state: LinkState) => changed(state);
    user(this.current);
    this.users.add(user);
    if (this.current.phase === "idle") void this.connect();
    return () => {
      if (!this.users.delete(user) || this.users.size > 0) return;
      if (this.lastLeft === undefined) void this.disconnect("idle");
      else this.lastLeft();
    };
  }

  /** Closes after the last user has left: Node-RED may close a configuration node before the nodes that use it. */
  async close(): Promise<void> {
    if (this.users.size > 0) await new Promise<void>((resolve) => { this.lastLeft = resolve; });
    await this.disconnect("closed");
  }

  private async connect(): Promise<void> {
    const attempt: LinkState = { phase: "connecting" };
    const isWanted = () => this.current === attempt;
    this.enter(attempt);
    try {
      const packages = await loadNats(this.dependencies.load);
      const connection = await this.dial(packages, isWanted);
      if (!isWanted()) return await connection.close();
      this.connection = connection;
      void connection.closed().then((reason) => {
        if (this.connection === connection) this.lost(reason);
      });
      const session = await this.open(connection, packages);
      if (!isWanted()) return;
      this.cancel = this.dependencies.clock.after(SOUND_MS, () => this.outage.forget());
      this.enter({ phase: "connected", session });
    } catch (error) {
      if (isWanted()) this.lost(error);
    }
  }

  /** Tries each server once, in random order. Rejects with an error that somebody has to correct, or else with the last one. */
  private async dial(packages: NatsPackages, isWanted: () => boolean): Promise<NatsConnection> {
    let failure: SiemError | undefined;
    for (const server of shuffled(this.settings.servers, () => this.dependencies.random())) {
      try {
        return await connectTo(server, this.settings, packages, this.border);
      } catch (error) {
        const explained = this.explain(error, server);
        if (failure?.permanent !== true) failure = explained;
      }
      if (!isWanted()) break;
    }
    throw failure as SiemError;
  }

  private async open(connection: NatsConnection, { transport, jetstream, kv }: NatsPackages): Promise<Session> {
    const { settings, border } = this;
    const { version, isOld, maxPayload, isEncrypted } = serverFacts(connection);
    if (isOld) this.warnOnce("NATS_OLD", border.params({ version }));
    const sendsSecret = settings.auth.type === "user" || settings.auth.type === "token";
    if (sendsSecret && !isEncrypted && !isLoopback(connection.getServer())) this.warnOnce("NOT_ENCRYPTED", border.params({ server: connection.getServer() }));
    void this.watch(connection);
    const jsm = await jetstream.jetstreamManager(connection, { timeout: REQUEST_MS });
    const explain = (error: unknown): never => {
      throw this.explain(error);
    };
    let bucket: Promise<KV> | undefined;
    const forgetBucket = () => { bucket = undefined; };
    return {
      js: jsm.jetstream(), jsm, maxPayload,
      headers: () => transport.headers(),
      send: (subject, body) => {
        try {
          connection.publish(subject, body);
          return true;
        } catch {
          return false;
        }
      },
      stream: () => openStream(jsm, settings, border).catch(explain),
      // What failed is tried again at the next call.
      bucket: () => bucket ??= openBucket(jsm, kv, settings, border).catch((error: unknown) => {
        forgetBucket();
        return explain(error);
      }),
      forgetBucket,
    };
  }

  /** Reports missing permissions for messages that nobody answers, until the connection ends. */
  private async watch(connection: NatsConnection): Promise<void> {
    const reported = new Set<string>();
    for await (const status of connection.status()) {
      if (status.type !== "error") continue;
      const { subject } = status.error as { subject?: unknown };
      if (typeof subject !== "string" || !UNANSWERED.test(subject) || reported.has(subject) || reported.size >= MOST_REPORTED) continue;
      reported.add(subject);
      this.dependencies.outage(this.explain(status.error));
    }
  }

  private warnOnce(code: string, params: Params): void {
    if (this.warned.has(code)) return;
    this.warned.add(code);
    this.dependencies.warn(`warning.${code}`, params);
  }

  private lost(reason: unknown): void {
    this.cancel();
    const { connection } = this;
    this.connection = undefined;
    void connection?.close().catch(() => undefined);
    const error = this.explain(reason);
    const pause = this.outage.add(error);
    this.cancel = this.dependencies.clock.after(pause * (0.5 + this.dependencies.random() / 2), () => {
      this.reconnects += 1;
      void this.connect();
    });
    this.enter({ phase: "waiting", error });
  }

  private async disconnect(phase: "idle" | "closed"): Promise<void> {
    this.cancel();
    this.outage.forget();
    const { connection } = this;
    this.connection = undefined;
    this.enter({ phase });
    if (connection === undefined) return;
    // Acknowledgements may still be on their way.
    await within(this.dependencies.clock, CLOSE_MS, connection.drain().catch(() => undefined));
    await connection.close().catch(() => undefined);
  }

  private enter(state: LinkState): void {
    this.current = state;
    for (const user of [...this.users]) user(state);
  }
}

/** The same in all configurations of this process. */
const bootId = () => processWide("nats-boot@1", () => randomBytes(2).toString("hex"));

/** So that many clients do not all begin with the same server. */
function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items.map((item) => ({ item, at: random() })).sort((one, other) => one.at - other.at).map(({ item }) => item);
}
