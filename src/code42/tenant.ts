/**
 * A Code42 tenant behind its API gateway: signs in as an API client, keeps to the request rate, tries again what can
 * succeed, and turns everything else into an error that says what to do.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { messageOf, SiemError } from "../errors";
import { baseUrlFault } from "./base-url";
import type { Proxy } from "../node/proxy";
import { HttpClient, type HttpReply } from "./http";
import { RateLimiter } from "./limiter";
import { statusError, tenantError } from "./tenant-errors";

export const DEFAULTS = {
  timeoutMs: 60_000,
  /** Half of what the API allows a tenant, because others use it too (developer portal, "Search file events": 120). */
  requestsPerMinute: 60,
  maxBodyBytes: 256 * 2 ** 20,
};

/** Tries of one call in all; a call that got a new token in between does not count it. */
export const MAX_ATTEMPTS = 6;

const BACKOFF_MS = { first: 1000, most: 60_000 };
const RETRY_AFTER_MOST_MS = 3_600_000;
/** RFC 6749 section 5.1 makes `expires_in` optional; the API's tokens live 15 minutes (developer portal, "Get started"). */
const TOKEN_LIFE_S = 900;
const RENEW_BEFORE_S = 60;

export interface TenantOptions {
  baseUrl: string;
  clientId: string;
  clientSecret: string;
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
  /** The permission that the API client needs for this path, for the error text. */
  permission?: string;
}

export interface Reply {
  status: number;
  /** The body as it came, inflated: JSON in UTF-8 that nobody has parsed yet. */
  data: Buffer;
  /** The body once more; until it is called, only the bytes as they came are in memory. */
  again: () => Promise<Buffer>;
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

export class Tenant {
  /** Scheme, host and port: what a cursor belongs to. */
  readonly baseUrl: string;
  private readonly http: HttpClient;
  private readonly limiter: RateLimiter;
  private readonly parts: TenantParts;
  private readonly host: string;
  private readonly basic: string;
  private readonly active = new Set<AbortController>();
  private closed: SiemError | undefined;
  private token: { value: string; renewAt: number } | undefined;
  private renewal: Promise<string> | undefined;
  private server: { date: number; at: number } | undefined;
  /** 429 replies without a usable Retry-After since the last success. */
  private refusals = 0;

  /** Throws BASE_URL_INVALID, BASE_URL_INSECURE, BASE_URL_CONSOLE, CREDENTIALS_MISSING, PROXY_URL_INVALID. Nothing is sent yet. */
  constructor(private readonly options: TenantOptions, parts: Partial<TenantParts> = {}) {
    const { baseUrl, clientId, clientSecret, requestsPerMinute = DEFAULTS.requestsPerMinute } = options;
    const fault = baseUrlFault(baseUrl);
    // A base URL with a password in it is invalid, so its text is not repeated.
    if (fault === "BASE_URL_INVALID") throw tenantError(fault, {}, { permanent: true });
    const base = new URL(baseUrl);
    if (fault !== undefined) throw tenantError(fault, { host: base.hostname }, { permanent: true });
    if (clientId === "" || clientSecret === "") throw tenantError("CREDENTIALS_MISSING", {}, { permanent: true });
    this.parts = {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      random: Math.random,
      sleep: (ms, signal) => delay(ms, undefined, { signal }),
      log: () => undefined,
      ...parts,
    };
    this.baseUrl = base.origin;
    this.host = base.host;
    this.basic = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
    this.limiter = new RateLimiter(requestsPerMinute, this.parts);
    this.http = new HttpClient({
      base,
      timeoutMs: options.timeoutMs ?? DEFAULTS.timeoutMs,
      tls: options.tls ?? {},
      proxy: options.proxy,
      userAgent: options.userAgent,
      maxBodyBytes: options.maxBodyBytes ?? DEFAULTS.maxBodyBytes,
    }, this.parts);
  }

  /** The client id that it signs in with. */
  get principal(): string {
    return this.options.clientId;
  }

  /**
   * Sends `body` as JSON to `path` and resolves with a 2xx reply of JSON. Rejects with a SiemError; `permanent` ones
   * come at once, the others after 6 attempts. With a rejected page token the code is INVALID_PAGE_TOKEN.
   */
  post(path: string, body: unknown, options?: CallOptions): Promise<Reply> {
    return this.call("POST", path, Buffer.from(JSON.stringify(body)), options);
  }

  /** Like `post`, without a body. */
  get(path: string, options?: CallOptions): Promise<Reply> {
    return this.call("GET", path, undefined, options);
  }

  /** Epoch ms by the server's clock as of its last reply (to the second); the local clock until then. */
  serverNow(): number {
    return this.server === undefined ? this.parts.now() : this.server.date + this.parts.monotonic() - this.server.at;
  }

  /** Like `serverNow`, but never the local clock as long as the server can be asked: it signs in first. Rejects as a sign-in does. */
  async serverTime(signal: AbortSignal): Promise<number> {
    if (this.server === undefined) await unlessAborted(this.bearer(), signal);
    return this.serverNow();
  }

  /** Ends every call with the error CLOSED and closes the connections. */
  close(): void {
    if (this.closed !== undefined) return;
    this.closed = tenantError("CLOSED", {}, { permanent: true });
    for (const abort of this.active) abort.abort(this.closed);
    this.http.close();
    this.token = undefined;
  }

  private call(method: "GET" | "POST", path: string, data: Buffer | undefined, options: CallOptions = {}): Promise<Reply> {
    return this.abortable(options.signal, async (signal) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.authorised(method, path, data, signal, options.permission ?? "File Events: Read");
        } catch (error) {
          signal.throwIfAborted();
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

  private async authorised(method: "GET" | "POST", path: string, data: Buffer | undefined, signal: AbortSignal, permission: string): Promise<Reply> {
    const request = { host: this.host, path, permission };
    for (let renewed = false; ; renewed = true) {
      const token = await unlessAborted(this.bearer(), signal);
      const headers = { Authorization: `Bearer ${token}`, ...(data === undefined ? {} : { "Content-Type": "application/json" }) };
      const reply = await this.exchange(method, path, headers, data, signal);
      if (reply.status === 401) {
        if (this.token?.value === token) this.token = undefined;
        if (!renewed) continue;
      }
      const body = reply.status < 300 ? "" : reply.data.toString("utf8", 0, 65_536);
      if (reply.status === 400 && body.includes("INVALID_PAGE_TOKEN")) throw tenantError("INVALID_PAGE_TOKEN", {}, { permanent: true });
      this.accept(reply, request);
      return { status: reply.status, data: reply.data, again: reply.again, date: dateOf(reply), elapsedMs: reply.elapsedMs, receivedAt: this.parts.now() };
    }
  }

  /** A token that still lives; concurrent callers share one sign-in. */
  private bearer(): Promise<string> {
    if (this.token !== undefined && this.parts.monotonic() < this.token.renewAt) return Promise.resolve(this.token.value);
    this.renewal ??= this.signIn().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  /** Client credentials grant (RFC 6749 section 4.4; developer portal, "Get started"). Nobody's abort but `close` ends it, because others wait for it. */
  private signIn(): Promise<string> {
    return this.abortable(undefined, async (signal) => {
      const path = "/v1/oauth";
      const started = this.parts.monotonic();
      const reply = await this.exchange("POST", `${path}?grant_type=client_credentials`, { Authorization: `Basic ${this.basic}` }, undefined, signal);
      // RFC 6749 section 5.2 also allows 400 for a client that is not accepted.
      if (reply.status === 400 || reply.status === 401) throw tenantError("CLIENT_REJECTED", { detail: this.detail(reply) }, { permanent: true });
      this.accept(reply, { host: this.host, path, permission: "File Events: Read" });
      const { access_token: value, expires_in: expiresIn } = (parse(reply.data) ?? {}) as { access_token?: unknown; expires_in?: unknown };
      if (typeof value !== "string" || value === "") throw tenantError("TOKEN_MISSING", { host: this.host }, { permanent: true });
      const life = typeof expiresIn === "number" && expiresIn > 0 ? expiresIn : TOKEN_LIFE_S;
      this.token = { value, renewAt: started + 1000 * Math.max(life / 2, life - RENEW_BEFORE_S) };
      return value;
    });
  }

  /** One request within the rate; keeps the server's time and its wish to be left alone. */
  private async exchange(method: "GET" | "POST", path: string, headers: Record<string, string>, data: Buffer | undefined, signal: AbortSignal): Promise<HttpReply> {
    await this.limiter.take(signal);
    const reply = await this.http.send({ method, path, headers, data, signal });
    this.parts.log("debug", `${method} ${path} ${reply.status} ${reply.data.length} bytes in ${Math.round(reply.elapsedMs)} ms`);
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

  /** Throws unless `reply` is a success of JSON. */
  private accept(reply: HttpReply, request: { host: string; path: string; permission: string }): void {
    const error = statusError(reply.status, request, this.detail(reply), hostOf(reply.header("location"), this.options.baseUrl));
    if (error === undefined && isJson(reply)) return;
    this.parts.log("debug", `${request.path} answered: ${this.redact(reply.data.toString("utf8", 0, 200))}`);
    throw error ?? tenantError("NOT_JSON", { host: this.host, type: (reply.header("content-type") ?? "none").slice(0, 60) }, { permanent: true });
  }

  /** What a refusal says about itself: the descriptions of its `problems`, or its `error`. */
  private detail(reply: HttpReply): string {
    if (reply.status < 400) return "";
    const { problems, error, error_description: description } = (parse(reply.data.subarray(0, 65_536)) ?? {}) as Record<string, unknown>;
    const texts = Array.isArray(problems) ? problems.map((problem: { description?: unknown } | null) => problem?.description) : [error, description];
    return this.redact(texts.filter((text) => typeof text === "string").join("; ")).slice(0, 300) || `status ${reply.status}`;
  }

  /** A text that a server or proxy wrote, which may repeat what was sent to it: one line, without our secrets. */
  private redact(text: string): string {
    const secrets = [this.options.clientSecret, this.basic, this.token?.value, this.options.proxy?.password].filter((secret) => secret !== undefined && secret !== "");
    return secrets.reduce((clean: string, secret) => clean.replaceAll(secret as string, "***"), text.replace(/\p{Cc}+/gu, " "));
  }

  /** Exponential, with full jitter, ms. */
  private backoff(attempt: number): number {
    return this.parts.random() * Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (attempt - 1));
  }
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

const isJson = (reply: HttpReply): boolean => {
  const type = reply.header("content-type");
  return type === undefined ? reply.data[0] === 0x7b || reply.data[0] === 0x5b : /[/+]json\b/i.test(type);
};

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString("utf8"));
  } catch {
    return undefined;
  }
}
