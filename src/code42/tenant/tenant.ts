/**
 * A Code42 tenant, behind its API gateway or the console with its services: signs in, keeps to the request rate, tries
 * again what can succeed, and turns everything else into an error that says what to do.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { bodyOf, wholeOf, type Body } from "../../pages/body";
import { messageOf, SiemError } from "../../common/errors";
import { baseUrlFault, consoleOf, isConsole } from "./base-url";
import type { Proxy } from "../../common/proxy";
import { HttpClient, type HttpReply } from "./http";
import { legacyService, parsed, renamed, unwrap } from "./legacy";
import { RateLimiter } from "./limiter";
import { ServiceDirectory } from "./services";
import { SIGN_INS, type AddressKind, type AuthType } from "./sign-in";
import { statusError, tenantError } from "./tenant-errors";
import { TokenKeeper, type Identity } from "./token";
import { totpKey } from "./totp";

export const DEFAULTS = {
  timeoutMs: 60_000,
  /** Half of what the API allows a tenant, because others use it too (developer portal, "Search file events": 120). */
  requestsPerMinute: 60,
  maxBodyBytes: 256 * 2 ** 20,
};

/** Tries of one call in all; a call that got a new token in between does not count it. */
export const MAX_ATTEMPTS = 6;

/** Errors after which the services behind a console are looked up again: they may have moved. */
const MOVED = new Set(["CONNECTION_FAILED", "HOST_NOT_FOUND", "NOT_FOUND"]);

const DEFAULT_PERMISSION = "File Events: Read";

const BACKOFF_MS = { first: 1000, most: 60_000 };
const RETRY_AFTER_MOST_MS = 3_600_000;

export interface TenantOptions {
  /** Of an API gateway or of a console. */
  baseUrl: string;
  /** What answers there; by default a host name that begins with `console.` tells. */
  addressKind?: AddressKind;
  /** `api-client` by default, which needs the first two; `user` needs the others, the TOTP secret (base32) only with two-factor sign-in. */
  authType?: AuthType;
  clientId?: string;
  clientSecret?: string;
  username?: string;
  password?: string;
  totpSecret?: string;
  /** For the headers of a reply, and again for its body, ms. */
  timeoutMs?: number;
  /** Requests that may start in any 60 s: calls, repetitions and sign-ins of all users of the tenant together. */
  requestsPerMinute?: number;
  tls?: ConnectionOptions;
  proxy?: Proxy | undefined;
  userAgent: string;
  /** Limit of a body, sent and inflated. */
  maxBodyBytes?: number;
}

export interface TenantParts {
  /** Epoch ms. */
  now(): number;
  /** Milliseconds of a clock that never steps. */
  monotonic(): number;
  /** At least 0 and below 1. */
  random(): number;
  /** Rejects when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  log(level: "info" | "debug", text: string): void;
}

export interface Retry {
  /** The attempt that failed, from 1. */
  attempt: number;
  delayMs: number;
  error: SiemError;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Called before each wait. */
  onRetry?: ((retry: Retry) => void) | undefined;
  /** The permission that the API client or user needs for this path, for the error text. */
  permission?: string;
}

export interface GetOptions extends CallOptions {
  /** Parameters of the query; a list repeats the name. */
  query?: Readonly<Record<string, string | readonly string[]>>;
}

export interface Reply {
  status: number;
  /** The body as it came, inflated: JSON in UTF-8 that nobody has parsed yet. */
  data: Buffer;
  /** The `Date` header, epoch ms (whole seconds). */
  date: number | undefined;
  /** Milliseconds from the start of the request to the headers of its reply: `date - elapsedMs` is no later than the start, by the server's clock. */
  elapsedMs: number;
  /** Local clock when the reply was complete, epoch ms. */
  receivedAt: number;
}

/** What a `code42-tenant` config node offers the nodes that use it. `getTenant` throws a SiemError that says what to correct. */
export interface TenantNode {
  getTenant(): Tenant;
}

/** A reply whose body was read by the caller. */
export interface Reading<Value> extends Omit<Reply, "data"> {
  value: Value;
}

/** Makes what a caller wants of a success. */
interface Take<Value> {
  /** Reads the body itself. */
  leaveBody: boolean;
  from(reply: HttpReply, route: Route): Promise<Value>;
}

/** Where a call goes: the gateway's own path, or that of the service behind a console which answers it. */
interface Route {
  base: URL;
  path: string;
  /** The body as the gateway would have sent it, from the one that came; undefined if it is the gateway's. */
  body?(data: Buffer): Buffer;
}

export class Tenant {
  /** Scheme, host and port: what a cursor belongs to. */
  readonly baseUrl: string;
  private readonly base: URL;
  private readonly kind: AddressKind;
  private readonly clients = new Map<string, HttpClient>();
  private readonly limiter: RateLimiter;
  private readonly parts: TenantParts;
  private readonly identity: Identity;
  private readonly tokens: TokenKeeper;
  private readonly services: ServiceDirectory;
  private readonly active = new Set<AbortController>();
  private closed: SiemError | undefined;
  private server: { date: number; at: number } | undefined;
  /** 429 replies without a usable Retry-After since the last success. */
  private refusals = 0;

  /** Throws BASE_URL_INVALID, BASE_URL_INSECURE, PROXY_URL_INVALID and the errors of `identityOf`. Nothing is sent yet. */
  constructor(private readonly options: TenantOptions, parts: Partial<TenantParts> = {}) {
    const { baseUrl, authType = "api-client", requestsPerMinute = DEFAULTS.requestsPerMinute } = options;
    const fault = baseUrlFault(baseUrl);
    // A base URL with a password in it is invalid, so its text is not repeated.
    if (fault === "BASE_URL_INVALID") throw tenantError(fault, {}, { permanent: true });
    this.base = new URL(baseUrl);
    if (fault !== undefined) throw tenantError(fault, { host: this.base.hostname }, { permanent: true });
    this.parts = {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      random: Math.random,
      sleep: (ms, signal) => delay(ms, undefined, { signal }),
      log: () => undefined,
      ...parts,
    };
    this.baseUrl = this.base.origin;
    this.kind = options.addressKind ?? (isConsole(baseUrl) ? "console" : "gateway");
    this.limiter = new RateLimiter(requestsPerMinute, this.parts);
    this.identity = identityOf(options);
    this.tokens = new TokenKeeper(this.identity, SIGN_INS[authType][this.kind], this.base.host, {
      request: (at, method, path, headers, signal) => this.exchange(at === "console" ? consoleOf(this.base) : this.base, method, path, headers, undefined, signal),
      accept: (reply, path) => this.accept(reply, { host: this.base.host, path, permission: DEFAULT_PERMISSION }),
      detail: (reply) => this.detail(reply),
      serverNow: () => this.serverNow(),
      monotonic: () => this.parts.monotonic(),
      sleep: (ms, signal) => this.parts.sleep(ms, signal),
      whileOpen: (work) => this.abortable(undefined, work),
    });
    this.services = new ServiceDirectory(this.base, {
      environment: (signal) => this.authorised("GET", { base: this.base, path: "/api/v1/ServerEnv" }, undefined, signal, DEFAULT_PERMISSION, wholeBody),
      text: (base, path, signal) => this.publicText(base, path, signal),
    });
    this.client(this.base);
  }

  /**
   * Sends `body` as JSON to `path` and resolves with a 2xx reply of JSON. Rejects with a SiemError; `permanent` ones
   * come at once, the others after 6 attempts. With a rejected page token the code is INVALID_PAGE_TOKEN.
   */
  post(path: string, body: unknown, options?: CallOptions): Promise<Reply> {
    return this.call("POST", path, body, options, wholeBody);
  }

  /**
   * Like `post`, but `read` gets the body, a piece at a time, and may read it again later: it stays as small as it came.
   * A body that is damaged on its way is asked for again, and read from its beginning; what `read` itself throws ends
   * the call.
   */
  async postAndRead<Value>(path: string, body: unknown, read: (body: Body) => Promise<Value>, options?: CallOptions): Promise<Reading<Value>> {
    const { outcome, ...reply } = await this.call("POST", path, body, options, {
      leaveBody: true,
      from: async ({ body: received }, route): Promise<{ outcome: { value: Value } | { error: unknown } }> => {
        const translated = route.body === undefined ? received : bodyOf(route.body(await wholeOf(received)));
        try {
          return { outcome: { value: await read(translated) } };
        } catch (error) {
          if (error === received.fault) throw error;
          return { outcome: { error } };
        }
      },
    });
    if ("error" in outcome) throw outcome.error;
    return { ...reply, value: outcome.value };
  }

  /** Like `post`, with parameters instead of a body. */
  get(path: string, options: GetOptions = {}): Promise<Reply> {
    const parameters = Object.entries(options.query ?? {}).flatMap(([name, value]) => [value].flat().map((item) => [name, item] as [string, string]));
    return this.call("GET", path, undefined, options, wholeBody, parameters.length === 0 ? "" : `?${new URLSearchParams(parameters)}`);
  }

  /** The client id or user name that it signs in with. */
  get principal(): string {
    return this.identity.name;
  }

  /** Epoch ms by the server's clock as of its last reply (to the second); the local clock until then. */
  serverNow(): number {
    return this.server === undefined ? this.parts.now() : this.server.date + this.parts.monotonic() - this.server.at;
  }

  /** Like `serverNow`, but never the local clock as long as the server can be asked: it signs in first. Rejects as a sign-in does. */
  async serverTime(signal: AbortSignal): Promise<number> {
    if (this.server === undefined) await unlessAborted(this.tokens.get(), signal);
    return this.serverNow();
  }

  /** Ends every call with the error CLOSED and closes the connections. */
  close(): void {
    if (this.closed !== undefined) return;
    this.closed = tenantError("CLOSED", {}, { permanent: true });
    for (const abort of this.active) abort.abort(this.closed);
    for (const client of this.clients.values()) client.close();
    this.tokens.drop();
  }

  private call<Value>(method: "GET" | "POST", path: string, body: unknown, options: CallOptions = {}, take: Take<Value>, query = ""): Promise<Omit<Reply, "data"> & Value> {
    return this.abortable(options.signal, async (signal) => {
      for (let attempt = 1; ; attempt++) {
        try {
          const { route, data } = await this.route(path, body, query, signal);
          return await this.authorised(method, route, data, signal, options.permission ?? DEFAULT_PERMISSION, take);
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof SiemError && MOVED.has(error.code)) this.services.forget();
          if (!(error instanceof SiemError) || error.permanent || attempt === MAX_ATTEMPTS) throw error;
          // The limiter holds everybody after a 429, this call included.
          const delayMs = error.code === "RATE_LIMITED" ? this.limiter.pauseLeft() : this.backoff(attempt);
          this.parts.log("info", `${method} ${path}: ${error.message} (attempt ${attempt} of ${MAX_ATTEMPTS}, next in ${Math.round(delayMs)} ms)`);
          options.onRetry?.({ attempt, delayMs, error });
          if (error.code !== "RATE_LIMITED") await this.parts.sleep(delayMs, signal).catch(() => signal.throwIfAborted());
        }
      }
    });
  }

  /** Where `path` of the gateway is answered, and what is sent there. Throws BASE_URL_CONSOLE for what a console does not have. */
  private async route(path: string, body: unknown, query: string, signal: AbortSignal): Promise<{ route: Route; data: Buffer | undefined }> {
    const encode = (value: unknown) => (value === undefined ? undefined : Buffer.from(JSON.stringify(value)));
    if (this.kind === "gateway") return { route: { base: this.base, path: path + query }, data: encode(body) };
    const service = legacyService(path);
    if (service === undefined) throw tenantError("BASE_URL_CONSOLE", { host: this.base.host, path }, { permanent: true });
    const base = service.key === undefined ? this.base : await this.services.find(service.key, signal);
    const route = { base, path: service.path + query, body: (data: Buffer) => renamed(unwrap(data), service) };
    return { route, data: encode(service.body === undefined ? body : service.body(body)) };
  }

  /** Runs `work` with a signal that aborts with CLOSED or ABORTED. */
  private async abortable<T>(outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.closed !== undefined) throw this.closed;
    const abort = new AbortController();
    const follow = () => abort.abort(tenantError("ABORTED", {}, { permanent: true }));
    if (outer?.aborted === true) follow();
    outer?.addEventListener("abort", follow, { once: true });
    this.active.add(abort);
    try {
      return await work(abort.signal);
    } finally {
      this.active.delete(abort);
      outer?.removeEventListener("abort", follow);
    }
  }

  private async authorised<Value>(
    method: "GET" | "POST", route: Route, data: Buffer | undefined, signal: AbortSignal, permission: string, take: Take<Value>,
  ): Promise<Omit<Reply, "data"> & Value> {
    const { base } = route;
    const request = { host: base.host, path: route.path.replace(/\?.*/, ""), permission };
    for (let renewed = false; ; renewed = true) {
      const token = await unlessAborted(this.tokens.get(), signal);
      const headers = { Authorization: `Bearer ${token}`, ...(data === undefined ? {} : { "Content-Type": "application/json" }) };
      const reply = await this.exchange(base, method, route.path, headers, data, signal, take.leaveBody);
      if (reply.status === 401) {
        this.tokens.drop(token);
        if (!renewed) continue;
      }
      const body = reply.status < 300 ? "" : reply.data.toString("utf8", 0, 65_536);
      if (reply.status === 400 && body.includes("INVALID_PAGE_TOKEN")) throw tenantError("INVALID_PAGE_TOKEN", {}, { permanent: true });
      this.accept(reply, request);
      const taken = await take.from(reply, route);
      return { ...taken, status: reply.status, date: dateOf(reply), elapsedMs: reply.elapsedMs, receivedAt: this.parts.now() };
    }
  }

  /** A short text that anybody may read. */
  private async publicText(base: URL, path: string, signal: AbortSignal): Promise<string> {
    const reply = await this.exchange(base, "GET", path, { Accept: "*/*" }, undefined, signal);
    const error = statusError(reply.status, { host: base.host, path, permission: DEFAULT_PERMISSION }, this.detail(reply), hostOf(reply.header("location"), base.href));
    if (error !== undefined) throw error;
    return reply.data.toString("utf8", 0, 2048).trim();
  }

  /** One request within the rate; keeps the server's time and its wish to be left alone. */
  private async exchange(
    base: URL, method: "GET" | "POST", path: string, headers: Record<string, string>, data: Buffer | undefined, signal: AbortSignal, leaveBody = false,
  ): Promise<HttpReply> {
    await this.limiter.take(signal);
    const reply = await this.client(base).send({ method, path, headers, data, signal, leaveBody });
    this.parts.log("debug", `${method} ${path.replace(/\?.*/, "")} ${reply.status} ${reply.body.length} bytes in ${Math.round(reply.elapsedMs)} ms`);
    const date = dateOf(reply);
    if (date !== undefined) this.server = { date, at: reply.headersAt };
    if (reply.status === 429) {
      const asked = retryAfterMs(reply.header("retry-after"), this.serverNow());
      // A little later than asked, so that several hosts do not come back in one moment.
      this.limiter.pause(asked === undefined ? this.backoff(++this.refusals) : asked + this.parts.random() * Math.min(1000, asked / 10));
    } else if (reply.status < 300) {
      this.refusals = 0;
    }
    return reply;
  }

  /** The connections to the host of `base`. Throws PROXY_URL_INVALID. */
  private client(base: URL): HttpClient {
    const known = this.clients.get(base.href);
    if (known !== undefined) return known;
    const { options } = this;
    const client = new HttpClient({
      base,
      timeoutMs: options.timeoutMs ?? DEFAULTS.timeoutMs,
      tls: options.tls ?? {},
      proxy: options.proxy,
      userAgent: options.userAgent,
      maxBodyBytes: options.maxBodyBytes ?? DEFAULTS.maxBodyBytes,
    }, this.parts);
    this.clients.set(base.href, client);
    return client;
  }

  /** Throws unless `reply` is a success of JSON. */
  private accept(reply: HttpReply, request: { host: string; path: string; permission: string }): void {
    const error = statusError(reply.status, request, this.detail(reply), hostOf(reply.header("location"), this.baseUrl));
    if (error === undefined && isJson(reply)) return;
    this.parts.log("debug", `${request.path} answered: ${this.redact(reply.data.toString("utf8", 0, 200))}`);
    throw error ?? tenantError("NOT_JSON", { host: request.host, type: (reply.header("content-type") ?? "none").slice(0, 60) }, { permanent: true });
  }

  /** What a refusal says about itself: the descriptions of its `problems`, or its `error`. */
  private detail(reply: HttpReply): string {
    if (reply.status < 400) return "";
    const { problems, error, error_description: description } = (parsed(reply.data.subarray(0, 65_536)) ?? {}) as Record<string, unknown>;
    const texts = Array.isArray(problems) ? problems.map((problem: { description?: unknown } | null) => problem?.description) : [error, description];
    return this.redact(texts.filter((text) => typeof text === "string").join("; ")).slice(0, 300) || `status ${reply.status}`;
  }

  /** A text that a server or proxy wrote, which may repeat what was sent to it: one line, without our secrets. */
  private redact(text: string): string {
    const { clientSecret, password, totpSecret, proxy } = this.options;
    const secrets = [clientSecret, password, totpSecret, this.tokens.basic, this.tokens.value, proxy?.password].filter((secret) => secret !== undefined && secret !== "");
    return secrets.reduce((clean: string, secret) => clean.replaceAll(secret as string, "***"), text.replace(/\p{Cc}+/gu, " "));
  }

  /** Exponential, with full jitter, ms. */
  private backoff(attempt: number): number {
    return this.parts.random() * Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (attempt - 1));
  }
}

/** Who signs in. Throws CREDENTIALS_MISSING, USER_CREDENTIALS_MISSING, TOTP_SECRET_INVALID. */
function identityOf({ authType, clientId = "", clientSecret = "", username = "", password = "", totpSecret = "" }: TenantOptions): Identity {
  const isUser = authType === "user";
  const [name, secret] = isUser ? [username, password] : [clientId, clientSecret];
  if (name === "" || secret === "") throw tenantError(isUser ? "USER_CREDENTIALS_MISSING" : "CREDENTIALS_MISSING", {}, { permanent: true });
  const key = isUser && totpSecret !== "" ? totpKey(totpSecret) : undefined;
  if (isUser && totpSecret !== "" && key === undefined) throw tenantError("TOTP_SECRET_INVALID", {}, { permanent: true });
  return { name, secret, isUser, totpKey: key };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason instanceof Error ? signal.reason : new Error(messageOf(signal.reason)));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function dateOf(reply: HttpReply): number | undefined {
  const date = Date.parse(reply.header("date") ?? "");
  return Number.isNaN(date) ? undefined : date;
}

/** Retry-After in seconds or as a date (RFC 9110 section 10.2.3), as ms from now; undefined if there is nothing sensible. */
function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now;
  return ms > 0 ? Math.min(ms, RETRY_AFTER_MOST_MS) : undefined;
}

/** The host alone: the address of a login page may hold a ticket. */
function hostOf(location: string | undefined, base: string): string {
  return location !== undefined && URL.canParse(location, base) ? new URL(location, base).host : "";
}

const wholeBody: Take<{ data: Buffer }> = {
  leaveBody: false,
  from: async ({ data }, route) => ({ data: route.body?.(data) ?? data }),
};

const isJson = (reply: HttpReply): boolean => {
  const type = reply.header("content-type");
  return type === undefined ? reply.isLeft || reply.data[0] === 0x7b || reply.data[0] === 0x5b : /[/+]json\b/i.test(type);
};
