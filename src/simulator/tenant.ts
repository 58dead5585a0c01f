/**
 * A Code42 tenant on loopback that behaves as the API is documented (developer portal, "Get started" and "Search file
 * events"): OAuth, the v2 search with criteria, sorting and both kinds of paging, the request limit, and every fault
 * that a client must survive.
 */
import { randomBytes } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as nextTick, setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { isRecord } from "../messages";
import { BadQuery, Criteria, valuesAt } from "./criteria";
import type { FileEvent } from "./events";
import { Faults, type TenantFault } from "./faults";
import { EventStore, type StoredEvent } from "./store";

const compress = promisify(gzip);

export interface TenantSimulatorOptions {
  /** A free port by default. */
  port?: number;
  /** PEM; without it the simulator speaks plain HTTP. */
  tls?: { key: string | Buffer; cert: string | Buffer };
  clientId?: string;
  clientSecret?: string;
  /** Life of a token, s. */
  expiresIn?: number;
  /** Searches a minute before 429; 120 as the API allows. */
  requestsPerMinute?: number;
  /** How long each search takes at least, ms: a backlog then lasts, whatever the machine. */
  searchMs?: number;
  /** Compress for clients that accept it. */
  gzip?: boolean;
  seed?: number;
  /** Epoch ms. */
  now?: () => number;
}

export interface LoggedRequest {
  method: string;
  path: string;
  /** Epoch ms, local clock. */
  at: number;
  /** 0 until it is answered, and if it never is. */
  status: number;
  headers: IncomingMessage["headers"];
  body: unknown;
}

export interface TenantSimulator {
  readonly url: string;
  readonly port: number;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The newest 10,000 requests. */
  readonly requests: LoggedRequest[];
  readonly faults: Faults;
  readonly tokensIssued: number;
  readonly openConnections: number;
  /** Added to the simulator's clock, and so to its Date header. */
  clockOffsetMs: number;
  /** Adds events, which the search finds after `visibleInMs`. */
  add(events: readonly FileEvent[], options?: { visibleInMs?: number }): void;
  /** A backlog of `count` events, made when they are asked for; the first was inserted at `startMs`, and then one each `stepUs`. */
  preload(backlog: { count: number; startMs: number; stepUs?: number }): void;
  /** `perSecond` new events from `sinceMs` on, for ever. The same arguments give the same events, also after a restart. */
  live(stream: { perSecond: number; sinceMs: number }): void;
  /** Every token that was issued is void from now on. */
  revokeTokens(): void;
  close(): Promise<void>;
}

const SEARCH = "/v2/file-events";
const OAUTH = "/v1/oauth";
const PAGE_LIMIT = 10_000;
const KEPT_REQUESTS = 10_000;

interface Answer {
  status: number;
  body: string;
  headers?: Record<string, string>;
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => ({ status, body: JSON.stringify(body), headers });
const badRequest = (description: string, type: string): Answer => json(400, { problems: [{ badFilter: null, description, type }] });

/** Starts a tenant on 127.0.0.1. */
export async function startTenantSimulator(options: TenantSimulatorOptions = {}): Promise<TenantSimulator> {
  const simulator = new Simulator(options);
  await simulator.listen(options.port ?? 0);
  return simulator;
}

class Simulator implements TenantSimulator {
  readonly requests: LoggedRequest[] = [];
  readonly faults = new Faults();
  readonly clientId: string;
  readonly clientSecret: string;
  tokensIssued = 0;
  clockOffsetMs = 0;
  port = 0;
  private readonly store: EventStore;
  private readonly criteria = new Criteria();
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly tokens = new Map<string, number>();
  private readonly searches: number[] = [];
  private readonly totals = new Map<string, number>();
  private nextIndex = 0;

  constructor(private readonly options: TenantSimulatorOptions) {
    this.clientId = options.clientId ?? "key-00000000-simulator";
    this.clientSecret = options.clientSecret ?? "simulated-client-secret";
    this.store = new EventStore(options.seed ?? 1);
    const handler = (request: IncomingMessage, response: ServerResponse) => {
      this.handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    };
    this.server = options.tls === undefined ? createHttpServer(handler) : createHttpsServer(options.tls, handler);
    this.server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
  }

  get url(): string {
    return `${this.options.tls === undefined ? "http" : "https"}://127.0.0.1:${this.port}`;
  }

  get openConnections(): number {
    return this.sockets.size;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, "127.0.0.1", resolve);
    });
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
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
    // Room for a stream that never ends.
    this.nextIndex += 2 ** 40;
  }

  revokeTokens(): void {
    this.tokens.clear();
  }

  private now(): number {
    return (this.options.now ?? Date.now)() + this.clockOffsetMs;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readText(request);
    const url = new URL(request.url ?? "/", this.url);
    const body = parse(text);
    const logged: LoggedRequest = { method: request.method ?? "", path: url.pathname, at: Date.now(), status: 0, headers: request.headers, body: body ?? text };
    if (this.requests.push(logged) > KEPT_REQUESTS) this.requests.shift();
    const query = isRecord(body) ? body : {};
    const fault = this.faults.take(url.pathname, typeof query["pgToken"] === "string" && query["pgToken"] !== "");
    const replaced = fault === undefined ? undefined : replacement(fault);
    const answer = replaced ?? await this.answer(request, url, text, query, fault);
    await this.send(request, response, answer, fault, logged);
  }

  private async answer(request: IncomingMessage, url: URL, text: string, query: Record<string, unknown>, fault: TenantFault | undefined): Promise<Answer> {
    if (url.pathname === OAUTH) return this.signIn(request, url, text);
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
    if ((this.tokens.get(token) ?? 0) <= this.now()) return json(401, { error: "Unauthorized" });
    if (url.pathname !== SEARCH) return json(404, { error: "Not Found" });
    if (request.method !== "POST") return json(405, { error: "Method Not Allowed" });
    const wait = this.searchWaitMs();
    if (wait > 0) return json(429, { error: "Too Many Requests" }, { "retry-after": String(Math.ceil(wait / 1000)) });
    if (this.options.searchMs !== undefined) await sleep(this.options.searchMs);
    try {
      return await this.search(query, fault);
    } catch (error) {
      if (error instanceof BadQuery) return json(400, { problems: error.problems });
      throw error;
    }
  }

  private signIn(request: IncomingMessage, url: URL, text: string): Answer {
    if (request.method !== "POST") return json(405, { error: "Method Not Allowed" });
    const form = new URLSearchParams(text);
    const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const client = basic === undefined ? `${form.get("client_id")}:${form.get("client_secret")}` : Buffer.from(basic, "base64").toString("utf8");
    const grant = url.searchParams.get("grant_type") ?? form.get("grant_type") ?? "client_credentials";
    if (grant !== "client_credentials") return json(400, { error: "unsupported_grant_type" });
    if (client !== `${this.clientId}:${this.clientSecret}`) return json(401, { error: "invalid_client" });
    const token = `simulated.${randomBytes(24).toString("base64url")}.token`;
    const expiresIn = this.options.expiresIn ?? 900;
    for (const [old, until] of this.tokens) if (until <= this.now()) this.tokens.delete(old);
    this.tokens.set(token, this.now() + expiresIn * 1000);
    this.tokensIssued += 1;
    return json(200, { access_token: token, token_type: "bearer", expires_in: expiresIn });
  }

  /** 0 and the search counts, or how long to wait, ms. By the real clock, because clients wait in real time. */
  private searchWaitMs(): number {
    const now = Date.now();
    while (this.searches.length > 0 && (this.searches[0] as number) <= now - 60_000) this.searches.shift();
    if (this.searches.length >= (this.options.requestsPerMinute ?? 120)) return (this.searches[0] as number) + 60_000 - now;
    this.searches.push(now);
    return 0;
  }

  private async search(query: Record<string, unknown>, fault: TenantFault | undefined): Promise<Answer> {
    const now = this.now();
    const { fromMs, toMs, test } = this.criteria.compile(query, now);
    const pageSize = Number(query["pgSize"] ?? 100);
    const token = query["pgToken"];
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > PAGE_LIMIT) return badRequest(`pgSize must be from 1 to ${PAGE_LIMIT}.`, "INVALID_PAGE_SIZE");
    const byToken = typeof token === "string";
    const pageNumber = Number(query["pgNum"] ?? 1);
    if (!byToken && (!Number.isInteger(pageNumber) || pageNumber < 1)) return badRequest("pgNum starts at 1.", "INVALID_PAGE_NUMBER");
    if (!byToken && pageNumber * pageSize > PAGE_LIMIT) return badRequest(`pgNum times pgSize must not exceed ${PAGE_LIMIT}; use pgToken.`, "INVALID_PAGE_NUMBER");
    const passes = (event: StoredEvent) => test === undefined || test(event.event());
    const last = byToken && token !== "" ? this.store.find(token, now) : undefined;
    if (byToken && token !== "" && (last === undefined || Math.floor(last.us / 1000) < fromMs || Math.floor(last.us / 1000) > toMs || !passes(last))) return rejectedToken();

    const sortKey = typeof query["srtKey"] === "string" ? query["srtKey"] : "event.id";
    const descending = typeof query["srtDir"] === "string" && query["srtDir"].toLowerCase() === "desc";
    const inOrder = sortKey === "event.inserted" && !descending;
    // The index has this order already; any other means to sort everything that matches.
    const sorted = inOrder ? undefined : sort([...this.store.walk(fromMs, toMs, now)].filter(passes), sortKey, descending);
    const candidates = sorted === undefined
      ? this.store.walk(fromMs, toMs, now, last)
      : sorted.slice(last === undefined ? 0 : sorted.findIndex((event) => event.id === last.id) + 1);
    let skip = byToken ? 0 : (pageNumber - 1) * pageSize;
    const events: string[] = [];
    let lastId: string | undefined;
    let more = false;
    let looked = 0;
    for (const event of candidates) {
      if (++looked % 500 === 0) await nextTick();
      if (sorted === undefined && !passes(event)) continue;
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      if (events.length === pageSize) {
        more = true;
        break;
      }
      events.push(event.json());
      lastId = event.id;
    }
    const total = sorted?.length ?? await this.total(query["groups"], fromMs, toMs, test === undefined ? undefined : passes, now, token === undefined || token === "");
    const next = fault?.kind === "same-token" && byToken ? token : byToken && more ? lastId ?? null : null;
    const list = fault?.kind === "null-events" ? "null" : `[${events.join(",")}]`;
    const problems = fault?.kind === "problems" ? [{ badFilter: null, description: fault.description, type: "SEARCH_FAILED" }] : null;
    return { status: 200, body: `{"totalCount":${total},"fileEvents":${list},"nextPgToken":${JSON.stringify(next)},"problems":${JSON.stringify(problems)}}` };
  }

  /** All matches. Where every event must be looked at, once for each walk. */
  private async total(groups: unknown, fromMs: number, toMs: number, passes: ((event: StoredEvent) => boolean) | undefined, now: number, first: boolean): Promise<number> {
    if (passes === undefined) return this.store.count(fromMs, toMs, now);
    const key = JSON.stringify(groups);
    const known = first ? undefined : this.totals.get(key);
    if (known !== undefined) return known;
    let total = 0;
    let looked = 0;
    for (const event of this.store.walk(fromMs, toMs, now)) {
      if (++looked % 500 === 0) await nextTick();
      if (passes(event)) total += 1;
    }
    if (this.totals.size > 100) this.totals.clear();
    this.totals.set(key, total);
    return total;
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

const rejectedToken = (): Answer => badRequest("INVALID_PAGE_TOKEN: the page token is not valid for this query.", "INVALID_PAGE_TOKEN");

/** The whole answer of a fault that does not need a search. */
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

function sort(events: StoredEvent[], key: string, descending: boolean): StoredEvent[] {
  const sign = descending ? -1 : 1;
  const keyed = events.map((event) => ({ event, value: valuesAt(event.event(), key)[0] as string | number | undefined ?? "" }));
  keyed.sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : a.event.id < b.event.id ? -1 : 1));
  return keyed.map(({ event }) => event);
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
