/**
 * A simulated Code42 tenant on loopback. It follows the documentation of the API (developer portal, "Get started" and
 * "Search file events"; incydr and py42 SDK): a gateway, an optional console, the request limit, and the faults that a
 * client must survive. The endpoints are in `endpoints/`.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { isRecord } from "../common/messages";
import { alertKind, TENANT_ID, type Alert } from "./alerts";
import { json, notFound, type Answer, type Call, type Route } from "./answer";
import { auditKind, searchIssued, type AuditEntry } from "./audit-log";
import { AlertQueries } from "./endpoints/alerts";
import { AuditSearch } from "./endpoints/audit-log";
import { FileEventSearch, rejectedToken, versionOne, versionTwo } from "./endpoints/file-events";
import { SavedSearches, type SavedSearch } from "./endpoints/saved-searches";
import { SessionList } from "./endpoints/sessions";
import { SignIn, type SimulatedUser } from "./endpoints/sign-in";
import type { FileEvent } from "./events";
import { Faults, type TenantFault } from "./faults";
import { RecordStore, type ChangingRecords, type Records } from "./records";
import { consoleRoutes, gatewayRoutes, serviceRoutes, type Endpoints } from "./routes";
import { sessionKind, type Session } from "./sessions";
import { EventStore } from "./store";

const compress = promisify(gzip);

export interface TenantSimulatorOptions {
  /** Any free port by default. */
  port?: number;
  /** PEM; without it the simulator speaks plain HTTP. */
  tls?: { key: string | Buffer; cert: string | Buffer };
  /** If set, there is a console too; 0 means any free port. The services behind the console use the gateway's port. */
  consolePort?: number;
  clientId?: string;
  clientSecret?: string;
  users?: readonly SimulatedUser[];
  tenantId?: string;
  /** Lifetime of a token, s; by default 900 for a client and 1800 for a user. */
  expiresIn?: number;
  /** Queries a minute before 429; 120 by default, which is the API's limit. */
  requestsPerMinute?: number;
  /** Adds an audit log entry for each query of a client, as a real tenant does. */
  auditQueries?: boolean;
  /** Minimum duration of a query, ms, so that a backlog lasts for some time even on a fast machine. */
  searchMs?: number;
  /** Compress answers for clients that accept it; default true. */
  gzip?: boolean;
  seed?: number;
  /** The clock, epoch ms. */
  now?: () => number;
}

export interface LoggedRequest {
  method: string;
  path: string;
  /** The query string with its `?`. */
  search: string;
  /** Epoch ms, local clock. */
  at: number;
  /** 0 until the request is answered. */
  status: number;
  /** Who asked: the client id or the user's name; "" without a valid token. */
  by: string;
  headers: IncomingMessage["headers"];
  body: unknown;
}

export interface TenantSimulator {
  readonly url: string;
  readonly port: number;
  /** Only with the option `consolePort`. */
  readonly consoleUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tenantId: string;
  readonly sessions: ChangingRecords<Session>;
  readonly alerts: ChangingRecords<Alert>;
  readonly auditLog: Records<AuditEntry>;
  readonly savedSearches: SavedSearch[];
  /** The latest 10,000 requests. */
  readonly requests: LoggedRequest[];
  readonly faults: Faults;
  readonly tokensIssued: number;
  readonly openConnections: number;
  /** Offset of the simulator's clock and its Date header. */
  clockOffsetMs: number;
  /** Adds file events. Both versions of the search find them after `visibleInMs`. */
  add(events: readonly FileEvent[], options?: { visibleInMs?: number }): void;
  /** Adds `count` events that are made on demand; the first was inserted at `startMs`, then one every `stepUs`. */
  preload(backlog: { count: number; startMs: number; stepUs?: number }): void;
  /** Adds `perSecond` new events a second from `sinceMs` on, without end. The same arguments give the same events, also after a restart. */
  live(stream: { perSecond: number; sinceMs: number }): void;
  /** Records older than `ms` (epoch ms) are past their retention time: queries do not find them, and their page tokens are refused. */
  forgetBefore(ms: number): void;
  /** Invalidates every token issued so far. */
  revokeTokens(): void;
  close(): Promise<void>;
}

const KEPT_REQUESTS = 10_000;

/** Starts a tenant on 127.0.0.1. */
export async function startTenantSimulator(options: TenantSimulatorOptions = {}): Promise<TenantSimulator> {
  const simulator = new Simulator(options);
  await simulator.start();
  return simulator;
}

class Simulator implements TenantSimulator {
  readonly requests: LoggedRequest[] = [];
  readonly faults = new Faults();
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tenantId: string;
  readonly sessions: RecordStore<Session>;
  readonly alerts: RecordStore<Alert>;
  readonly auditLog: RecordStore<AuditEntry>;
  readonly savedSearches: SavedSearch[];
  clockOffsetMs = 0;
  port = 0;
  private consolePort = 0;
  private readonly store: EventStore;
  private readonly signIn: SignIn;
  private readonly gateway: readonly Route[];
  private readonly console: readonly Route[];
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly queries: number[] = [];
  private nextIndex = 0;

  constructor(private readonly options: TenantSimulatorOptions) {
    const { clientId = "key-00000000-simulator", clientSecret = "simulated-client-secret", tenantId = TENANT_ID, users = [], expiresIn, seed = 1 } = options;
    this.clientId = clientId;
    this.clientSecret = clientSecret;
    this.tenantId = tenantId;
    const now = () => this.now();
    this.store = new EventStore(seed);
    this.sessions = new RecordStore(sessionKind(seed, tenantId), now);
    this.alerts = new RecordStore(alertKind(seed, tenantId), now);
    this.auditLog = new RecordStore(auditKind(seed), now);
    this.signIn = new SignIn({ clientId, clientSecret, users, tenantId, expiresIn }, now);
    const searches = new SavedSearches();
    this.savedSearches = searches.all;
    const endpoints: Endpoints = {
      tenantId, signIn: this.signIn, savedSearches: searches,
      v1: new FileEventSearch(versionOne(), this.store, now), v2: new FileEventSearch(versionTwo(), this.store, now),
      alerts: new AlertQueries(this.alerts, tenantId, now), sessions: new SessionList(this.sessions), audit: new AuditSearch(this.auditLog),
    };
    this.gateway = [...gatewayRoutes(endpoints), ...serviceRoutes(endpoints)];
    this.console = consoleRoutes(endpoints, this);
  }

  get url(): string {
    return this.at(this.port);
  }

  get consoleUrl(): string {
    return this.at(this.consolePort);
  }

  get tokensIssued(): number {
    return this.signIn.tokensIssued;
  }

  get openConnections(): number {
    return this.sockets.size;
  }

  async start(): Promise<void> {
    this.port = await this.listen(this.options.port ?? 0, this.gateway);
    if (this.options.consolePort !== undefined) this.consolePort = await this.listen(this.options.consolePort, this.console);
  }

  async close(): Promise<void> {
    const closed = this.servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(closed);
  }

  add(events: readonly FileEvent[], { visibleInMs = 0 }: { visibleInMs?: number } = {}): void {
    this.store.add(events, this.now() + visibleInMs);
  }

  preload({ count, startMs, stepUs = 1000 }: { count: number; startMs: number; stepUs?: number }): void {
    this.store.addBacklog({ startUs: startMs * 1000, stepUs, firstIndex: this.nextIndex, count: () => count });
    this.nextIndex += count;
  }

  live({ perSecond, sinceMs }: { perSecond: number; sinceMs: number }): void {
    const stepUs = Math.round(1_000_000 / perSecond);
    const startUs = sinceMs * 1000;
    this.store.addBacklog({ startUs, stepUs, firstIndex: this.nextIndex, count: (now) => Math.max(0, Math.floor((now * 1000 - startUs) / stepUs) + 1) });
    // Reserve indexes for a stream that never ends.
    this.nextIndex += 2 ** 40;
  }

  forgetBefore(ms: number): void {
    for (const kept of [this.store, this.sessions, this.alerts, this.auditLog]) kept.retainedFromMs = ms;
  }

  revokeTokens(): void {
    this.signIn.revoke();
  }

  private now(): number {
    return (this.options.now ?? Date.now)() + this.clockOffsetMs;
  }

  private at(port: number): string {
    return `${this.options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  }

  private async listen(port: number, routes: readonly Route[]): Promise<number> {
    const handler = (request: IncomingMessage, response: ServerResponse) => {
      this.handle(request, response, routes).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    };
    const server = this.options.tls === undefined ? createHttpServer(handler) : createHttpsServer(this.options.tls, handler);
    // Longer than a busy machine ever pauses. Otherwise the server could close a connection just when the client reuses it.
    server.keepAliveTimeout = 60_000;
    this.servers.push(server);
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  private async handle(request: IncomingMessage, response: ServerResponse, routes: readonly Route[]): Promise<void> {
    const text = await readText(request);
    const url = new URL(request.url ?? "/", this.url);
    const parsed = parse(text);
    const logged: LoggedRequest = {
      method: request.method ?? "", path: url.pathname, search: url.search, at: Date.now(), status: 0, by: this.signIn.principal(request.headers)?.name ?? "", headers: request.headers, body: parsed ?? text,
    };
    if (this.requests.push(logged) > KEPT_REQUESTS) this.requests.shift();
    const body = isRecord(parsed) ? parsed : {};
    const fault = this.faults.take(url.pathname, typeof body["pgToken"] === "string" && body["pgToken"] !== "");
    const replaced = fault === undefined ? undefined : replacement(fault);
    const id = decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf("/") + 1));
    const answer = replaced ?? await this.answer(logged, routes, { query: url.searchParams, headers: request.headers, text, body, id, fault });
    await this.send(request, response, answer, fault, logged);
  }

  private async answer({ method, path }: LoggedRequest, routes: readonly Route[], call: Call): Promise<Answer> {
    const route = routes.find((candidate) => candidate.path === path || candidate.path === `${path.slice(0, path.lastIndexOf("/") + 1)}:id`);
    if (route === undefined) return notFound();
    const principal = this.signIn.principal(call.headers);
    if (route.access !== "anyone" && principal === undefined) return json(401, { error: "Unauthorized" });
    if (route.method !== method) return json(405, { error: "Method Not Allowed" });
    if (route.access !== "query" || principal === undefined) return route.answer(call);
    const wait = this.queryWaitMs();
    if (wait > 0) return json(429, { error: "Too Many Requests" }, { "retry-after": String(Math.ceil(wait / 1000)) });
    if (this.options.searchMs !== undefined) await sleep(this.options.searchMs);
    const answer = await route.answer(call);
    if (this.options.auditQueries === true) this.auditLog.add([searchIssued(principal, call.headers["user-agent"] ?? "", this.now())]);
    return answer;
  }

  /** 0 if the query is allowed (it is counted then), or how long to wait, ms. Uses the real clock, because clients wait in real time. */
  private queryWaitMs(): number {
    const now = Date.now();
    while (this.queries.length > 0 && (this.queries[0] as number) <= now - 60_000) this.queries.shift();
    if (this.queries.length >= (this.options.requestsPerMinute ?? 120)) return (this.queries[0] as number) + 60_000 - now;
    this.queries.push(now);
    return 0;
  }

  private async send(request: IncomingMessage, response: ServerResponse, answer: Answer, fault: TenantFault | undefined, logged: LoggedRequest): Promise<void> {
    const socket = request.socket;
    if (fault?.kind === "stall") return;
    if (fault?.kind === "reset" && fault.when === "before-headers") {
      socket.destroy();
      return;
    }
    const accepts = this.options.gzip !== false && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
    const plain = Buffer.from(answer.body);
    const zipped = accepts && plain.length > 1024;
    const body = zipped ? await compress(plain, { level: constants.Z_BEST_SPEED }) : plain;
    logged.status = answer.status;
    response.writeHead(answer.status, {
      "content-type": "application/json;charset=UTF-8",
      date: new Date(this.now()).toUTCString(),
      "content-length": body.length,
      ...(zipped ? { "content-encoding": "gzip" } : {}),
      ...answer.headers,
    });
    if (fault?.kind === "reset") {
      response.flushHeaders();
      setImmediate(() => socket.destroy());
    } else if (fault?.kind === "truncate") {
      response.write(body.subarray(0, fault.bytes), () => socket.destroy());
    } else if (fault?.kind === "drip") {
      let sent = 0;
      const timer = setInterval(() => {
        if (sent < body.length) response.write(body.subarray(sent, ++sent));
        else response.end();
      }, fault.everyMs);
      response.once("close", () => clearInterval(timer));
    } else {
      response.end(body);
    }
  }
}

/** The answer of a fault that needs no search. */
function replacement(fault: TenantFault): Answer | undefined {
  switch (fault.kind) {
    case "status":
      return json(fault.status, fault.body ?? { error: `simulated ${fault.status}` }, fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) });
    case "redirect":
      return { status: 302, body: "", headers: { location: fault.location, "content-type": "text/html" } };
    case "login-page":
      return { status: 200, body: "<!doctype html><title>Sign in</title><form method=post><input name=user></form>", headers: { "content-type": "text/html; charset=utf-8" } };
    case "not-json":
      return { status: 200, body: "upstream said: no" };
    case "oversized":
      return json(200, { totalCount: 0, fileEvents: [], padding: "x".repeat(fault.bytes) });
    case "reject-token":
      return rejectedToken();
    case "reset": case "truncate": case "drip": case "stall": case "problems": case "null-events": case "same-token":
      return undefined;
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
