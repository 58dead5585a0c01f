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
import type { NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { Border, type Printable } from "../common/border";
import type { Clock } from "../common/clock";
import type { Params, SiemError } from "../common/errors";
import { processWide } from "../common/process-wide";
import { tlsSecrets, withoutSecrets } from "../common/secrets";
import type { Figures } from "../metrics/table";
import { natsError } from "./errors";
import { explainNats } from "./explain";
import { loadNats, type NatsPackages } from "./load";
import type { NatsAuth, NatsSettings } from "./settings";
import { openBucket, openStream } from "./setup";

/** A connection that is or was up. Its requests reject once it is lost. */
export interface Session {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** The largest message that the server takes, bytes. */
  readonly maxPayload: number;
  /** The stream, made or checked at the first call. Rejects with STREAM_UNSUITABLE, STREAM_MISSING and what `explainNats` returns. */
  stream(): Promise<void>;
  /** The bucket of the cursors and leases, made or checked at the first call. Rejects as `stream` does. */
  bucket(): Promise<KV>;
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

const CONNECT_MS = 5000;
/** The package asks 5 s: a lease must be given up long before. */
const REQUEST_MS = 1500;
/** A connection that is cut without a word is noticed after two of these. */
const PING_MS = 5000;
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5000;
/** Somebody has to change something first. */
const REFUSED_PAUSE_MS = 30_000;
const CLOSE_MS = 2000;
/** Older servers forget acknowledgements when they are killed. */
const OLDEST = [2, 10] as const;

/** The secrets of a configuration, which no text may show. */
const secretsOf = ({ auth, tls }: NatsSettings): string[] => [
  ...Object.entries(auth).filter(([name]) => name !== "type" && name !== "user").map(([, secret]) => secret),
  ...tlsSecrets(tls ?? {}),
];

export const natsBorder = (settings: NatsSettings): Border => new Border(withoutSecrets(() => secretsOf(settings)));

/** The options of the NATS package. Throws CREDENTIALS_INVALID for a seed or creds text that it cannot read. */
export function connectOptions({ servers, auth, tls }: NatsSettings, { transport }: NatsPackages, border: Border): NodeConnectionOptions {
  try {
    return {
      servers: [...servers],
      ...authOptions(auth, transport),
      // The package passes them to tls.connect.
      ...(tls === undefined ? {} : { tls: { ...tls, rejectUnauthorized: true } as NonNullable<NodeConnectionOptions["tls"]> }),
      reconnect: false,
      timeout: CONNECT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      noAsyncTraces: true,
    };
  } catch (error) {
    throw natsError("CREDENTIALS_INVALID", border.params({ reason: error }), { permanent: true });
  }
}

function authOptions(auth: NatsAuth, { nkeyAuthenticator, credsAuthenticator, nkeys }: NatsPackages["transport"]): NodeConnectionOptions {
  switch (auth.type) {
    case "none": return {};
    case "user": return { user: auth.user, pass: auth.password };
    case "token": return { token: auth.token };
    case "nkey": {
      const seed = Buffer.from(auth.seed);
      nkeys.fromSeed(seed);
      return { authenticator: nkeyAuthenticator(seed) };
    }
    case "creds": {
      const authenticator = credsAuthenticator(Buffer.from(auth.creds));
      authenticator("");
      return { authenticator };
    }
  }
}

export class NatsLink {
  /** Names this process on a lease: `<hostname>/<4 hex>`. */
  readonly instance: string;
  readonly border: Border;
  /** Connections opened again. */
  reconnects = 0;
  /** Leases that this process holds: an instance with fewer takes the next one first. */
  leases = 0;
  private current: LinkState = { phase: "idle" };
  private readonly users = new Set<(state: LinkState) => void>();
  private cancel: () => void = () => undefined;
  private connection: NatsConnection | undefined;
  private failures = 0;
  private readonly reported = new Set<string>();
  private isClosing = false;

  constructor(readonly settings: NatsSettings, private readonly dependencies: LinkDependencies) {
    this.instance = `${dependencies.systemHostname}/${bootId()}`;
    this.border = natsBorder(settings);
  }

  get state(): LinkState {
    return this.current;
  }

  /** The session; undefined while there is no connection. */
  get session(): Session | undefined {
    return this.current.phase === "connected" ? this.current.session : undefined;
  }

  get figures(): Figures {
    return { connected: this.session === undefined ? 0 : 1, reconnects: this.reconnects };
  }

  /** The servers, for texts. */
  get address(): Printable {
    return this.border.text(this.settings.servers.join(", "));
  }

  /** An error of the NATS packages as one of ours. */
  explain(error: unknown): SiemError {
    return explainNats(error, this.border, this.address);
  }

  /**
   * Calls `changed` with each state, at first with the present one, and connects if nobody did. The returned function ends
   * that; it may be called any number of times.
   */
  use(changed: (state: LinkState) => void): () => void {
    // A function may come twice.
    const user = (state: LinkState) => changed(state);
    user(this.current);
    this.users.add(user);
    if (this.current.phase === "idle") void this.connect();
    return () => {
      if (this.users.delete(user) && this.users.size === 0) void this.disconnect("idle");
    };
  }

  /** Closes as soon as the last user has gone: Node-RED may close a configuration node before the nodes that use it. */
  async close(): Promise<void> {
    this.isClosing = true;
    if (this.users.size === 0) await this.disconnect("closed");
  }

  private async connect(): Promise<void> {
    this.enter({ phase: "connecting" });
    const { settings, dependencies, border } = this;
    const isWanted = () => this.current.phase === "connecting";
    try {
      const packages = await loadNats(dependencies.load);
      const connection = await packages.transport.connect(connectOptions(settings, packages, border));
      if (!isWanted()) return await connection.close();
      this.connection = connection;
      void connection.closed().then((reason) => {
        if (this.connection === connection) this.lost(reason ?? new Error("the connection was closed"));
      });
      const session = await this.open(connection, packages);
      if (!isWanted() || this.connection !== connection) return;
      this.failures = 0;
      this.reported.clear();
      this.enter({ phase: "connected", session });
    } catch (error) {
      if (isWanted()) this.lost(error);
    }
  }

  private async open(connection: NatsConnection, { jetstream, kv }: NatsPackages): Promise<Session> {
    const { settings, dependencies } = this;
    const jsm = await jetstream.jetstreamManager(connection, { timeout: REQUEST_MS });
    const js = jsm.jetstream();
    const { version = "", max_payload: maxPayload } = connection.info ?? { max_payload: 1024 * 1024 };
    if (isOlder(version)) dependencies.warn("warning.NATS_OLD", this.border.params({ version }));
    const explained = async <Value>(work: Promise<Value>): Promise<Value> => work.catch((error: unknown) => {
      throw this.explain(error);
    });
    let stream: Promise<void> | undefined;
    let bucket: Promise<KV> | undefined;
    return {
      js, jsm, maxPayload,
      // What failed is tried again at the next call.
      stream: () => stream ??= explained(openStream(jsm, settings)).catch((error: unknown) => {
        stream = undefined;
        throw error;
      }),
      bucket: () => bucket ??= explained(openBucket(jsm, kv, settings)).catch((error: unknown) => {
        bucket = undefined;
        throw error;
      }),
    };
  }

  private lost(reason: unknown): void {
    const connection = this.connection;
    this.connection = undefined;
    void connection?.close().catch(() => undefined);
    const error = this.explain(reason);
    if (!this.reported.has(error.code)) {
      this.reported.add(error.code);
      this.dependencies.outage(error);
    }
    const pause = error.permanent ? REFUSED_PAUSE_MS : Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures += 1;
    this.enter({ phase: "waiting", error });
    this.cancel = this.dependencies.clock.after(pause * (0.5 + this.dependencies.random() / 2), () => {
      this.reconnects += 1;
      void this.connect();
    });
  }

  private async disconnect(phase: "idle" | "closed"): Promise<void> {
    this.cancel();
    const connection = this.connection;
    this.connection = undefined;
    this.failures = 0;
    this.reported.clear();
    this.enter({ phase: this.isClosing ? "closed" : phase });
    if (connection === undefined) return;
    // Acknowledgements may still be on their way.
    const patience = new Promise<void>((resolve) => void this.dependencies.clock.after(CLOSE_MS, resolve));
    await Promise.race([connection.drain().catch(() => undefined), patience]);
    await connection.close().catch(() => undefined);
  }

  private enter(state: LinkState): void {
    this.current = state;
    for (const user of [...this.users]) user(state);
  }
}

/** One for each process, also with several configurations. */
const bootId = () => processWide("nats-boot@1", () => randomBytes(2).toString("hex"));

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}
