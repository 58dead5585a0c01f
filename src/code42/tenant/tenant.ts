/**
 * A Code42 tenant, reached through its API gateway or through a console and its services: makes calls with a token,
 * repeats those that can still succeed, and throws an error that says what to do for the others.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { wholeOf, type Body } from "../../pages/body";
import { Border, plain, printable } from "../../common/border";
import type { Proxy } from "../../common/proxy";
import { SiemError } from "../../common/errors";
import { LIST_BYTES } from "../../common/limits";
import { proxySecrets, tlsSecrets, withoutSecrets } from "../../common/secrets";
import { AnswerCheck, isPageTokenRefused } from "./answer-check";
import { baseUrlFault, isConsole, meantBaseUrl } from "./base-url";
import type { HttpReply } from "./http";
import { identityOf, type Credentials, type Identity } from "./identity";
import { legacyService, unwrapped, withGatewayNames } from "./legacy";
import { OpenCalls } from "./open-calls";
import { dateOf, PacedHttp, type PacedHttpDependencies } from "./paced-http";
import { ServiceDirectory } from "./services";
import { SIGN_INS, type AddressKind } from "./sign-in";
import { tenantError } from "./tenant-errors";
import { TokenKeeper } from "./token";

export const DEFAULTS = {
  timeoutMs: 60_000,
  /** Half of what the API allows a tenant, because others use it too (developer portal, "Search file events": 120). */
  requestsPerMinute: 60,
  maxBodyBytes: LIST_BYTES,
};

/** Attempts of one call, the first included; a repetition with a new token does not count. */
export const MAX_ATTEMPTS = 6;

/** Errors after which the services behind a console are looked up again: they may have moved. */
const MOVED = new Set(["CONNECTION_FAILED", "HOST_NOT_FOUND", "NOT_FOUND"]);

export interface TenantOptions extends Credentials {
  /** Of an API gateway or of a console. */
  baseUrl: string;
  /** Which of the two it is; by default a console if its host name begins with `console.`. */
  addressKind?: AddressKind;
  /** For the headers of a reply, and again for its body, ms. */
  timeoutMs?: number;
  /** Requests that may start in any 60 s: calls, repetitions and sign-ins of all users of the tenant together. */
  requestsPerMinute?: number;
  tls?: ConnectionOptions;
  proxy?: Proxy | undefined;
  userAgent: string;
  /** Limit of a body that is read in pieces, inflated. */
  maxBodyBytes?: number;
}

export type TenantDependencies = PacedHttpDependencies;

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
  /** The inflated body: JSON in UTF-8, not parsed yet. */
  data: Buffer;
  /** The `Date` header, epoch ms (whole seconds). */
  date: number | undefined;
  /** Milliseconds from the start of the request to the headers of its reply: `date - elapsedMs` is no later than the start, by the server's clock. */
  elapsedMs: number;
  /** Local clock when the reply was complete, epoch ms. */
  receivedAt: number;
}

/** A reply, with what its reader made of the body. */
export type ReadReply<Value> = Omit<Reply, "data"> & { value: Value };

/** What a `code42-tenant` config node offers the nodes that use it. `getTenant` throws a SiemError that says what to correct. */
export interface TenantNode {
  getTenant(): Tenant;
}

/** What a call makes of a reply that is a success. */
interface Handling<Result> {
  /** True if `handle` reads the body from `reply.body`; otherwise it is in `reply.data`. */
  readsBody: boolean;
  handle: (reply: HttpReply, route: Route) => Promise<Result>;
}

/** Where a call is answered: by the gateway itself, or by a service behind a console. */
interface Route {
  base: URL;
  path: string;
  /** Makes the body that the gateway would have sent of the one that a service sent; undefined for the gateway. */
  asGateway?: (body: Body) => Body;
}

/** Has no state of its own: `http` keeps the server's time, `tokens` the token, `services` their addresses, `calls` what is under way. */
export class Tenant {
  /** Scheme, host and port: what a cursor belongs to. */
  readonly baseUrl: string;
  /** For every text of its servers: takes its credentials and tokens out. */
  readonly border: Border;
  private readonly base: URL;
  private readonly kind: AddressKind;
  private readonly identity: Identity;
  private readonly dependencies: TenantDependencies;
  private readonly http: PacedHttp;
  private readonly tokens: TokenKeeper;
  private readonly services: ServiceDirectory;
  private readonly check: AnswerCheck;
  private readonly calls = new OpenCalls();

  /** Throws the errors of `baseUrlFault`, PROXY_URL_INVALID and the errors of `identityOf`. Nothing is sent yet. */
  constructor(options: TenantOptions, dependencies: Partial<TenantDependencies> = {}) {
    const { baseUrl, authType = "api-client", clientSecret, password, totpSecret, proxy, tls = {}, userAgent } = options;
    const { timeoutMs, requestsPerMinute, maxBodyBytes } = { ...DEFAULTS, ...options };
    const fault = baseUrlFault(baseUrl);
    // A base URL may hold a password, so its text is not repeated.
    if (fault !== undefined) throw tenantError(fault, plain.params({ address: meantBaseUrl(baseUrl) }), { permanent: true });
    this.base = new URL(baseUrl);
    this.dependencies = {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      random: Math.random,
      sleep: (ms, signal) => delay(ms, undefined, { signal }),
      log: () => undefined,
      ...dependencies,
    };
    this.baseUrl = this.base.origin;
    this.kind = options.addressKind ?? (isConsole(baseUrl) ? "console" : "gateway");
    this.identity = identityOf(options);
    this.border = new Border(withoutSecrets(() => [
      clientSecret, password, totpSecret, this.tokens.basic, ...this.tokens.recent, ...proxySecrets(proxy), ...tlsSecrets(tls),
    ]));
    this.http = new PacedHttp({ timeoutMs, requestsPerMinute, maxBodyBytes, tls, proxy, userAgent, border: this.border }, this.dependencies);
    // Refuses an invalid proxy at once.
    this.http.client(this.base);
    this.check = new AnswerCheck(this.border, (text) => this.dependencies.log("debug", text));
    this.tokens = new TokenKeeper(this.base, this.identity, SIGN_INS[authType][this.kind], { http: this.http, check: this.check, calls: this.calls, ...this.dependencies });
    this.services = new ServiceDirectory(this.base, {
      environment: (signal) => this.authorised("GET", { base: this.base, path: "/api/v1/ServerEnv" }, undefined, signal, undefined, wholeBody),
      text: (base, path, signal) => this.publicText(base, path, signal),
    });
  }

  /**
   * Sends `body` as JSON to `path`, and lets `read` have the body of a 2xx reply of JSON; it stays compressed, and may be
   * read again later. If it is damaged, the request is repeated and `read` starts again. Rejects with a SiemError: at once
   * if it is `permanent` or thrown by `read` itself, otherwise after 6 attempts. A refused page token has the code
   * INVALID_PAGE_TOKEN.
   */
  postAndRead<Value>(path: string, body: unknown, read: (body: Body) => Promise<Value>, options?: CallOptions): Promise<ReadReply<Value>> {
    return this.callAndRead("POST", path, body, read, options);
  }

  /** Like `postAndRead`, with parameters instead of a body. */
  getAndRead<Value>(path: string, read: (body: Body) => Promise<Value>, options: GetOptions = {}): Promise<ReadReply<Value>> {
    return this.callAndRead("GET", path, undefined, read, options, queryOf(options));
  }

  /** The whole of a short reply, at most SHORT_ANSWER_BYTES. Rejects as `postAndRead` does. */
  get(path: string, options: GetOptions = {}): Promise<Reply> {
    return this.call("GET", path, undefined, options, wholeBody, queryOf(options));
  }

  /** The client id or user name that it signs in with. */
  get principal(): string {
    return this.identity.name;
  }

  /** Epoch ms by the server's clock as of its last reply (to the second); the local clock until then. */
  serverNow(): number {
    return this.http.serverNow();
  }

  /** Like `serverNow`, but signs in first if the server has not told its time yet. Rejects as a sign-in does. */
  async serverTime(signal: AbortSignal): Promise<number> {
    if (!this.http.knowsServerTime) await this.tokens.get(signal);
    return this.http.serverNow();
  }

  /** Ends every call with the error CLOSED and closes the connections. */
  close(): void {
    this.calls.close();
    this.http.close();
    this.tokens.drop();
  }

  private async callAndRead<Value>(method: "GET" | "POST", path: string, body: unknown, read: (body: Body) => Promise<Value>, options?: CallOptions, query?: string): Promise<ReadReply<Value>> {
    const { outcome, ...reply } = await this.call(method, path, body, options, {
      readsBody: true,
      handle: async ({ body: received }, { asGateway }): Promise<{ outcome: { value: Value } | { error: unknown } }> => {
        try {
          return { outcome: { value: await read(asGateway?.(received) ?? received) } };
        } catch (error) {
          if (error === received.fault) throw error;
          return { outcome: { error } };
        }
      },
    }, query);
    if ("error" in outcome) throw outcome.error;
    return { ...reply, value: outcome.value };
  }

  private call<Result>(method: "GET" | "POST", path: string, body: unknown, options: CallOptions = {}, handling: Handling<Result>, query = ""): Promise<Omit<Reply, "data"> & Result> {
    return this.calls.run(options.signal, async (signal) => {
      for (let attempt = 1; ; attempt++) {
        try {
          const { route, data } = await this.route(path, body, query, signal);
          return await this.authorised(method, route, data, signal, options.permission, handling);
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof SiemError && MOVED.has(error.code)) this.services.forget();
          if (!(error instanceof SiemError) || error.permanent || attempt === MAX_ATTEMPTS) throw error;
          // After a 429 no request starts before the pause is over, so this call need not wait by itself.
          const isPaused = error.code === "RATE_LIMITED";
          const delayMs = isPaused ? this.http.pauseLeftMs() : this.http.backoffMs(attempt);
          this.dependencies.log("info", printable(`${method} ${path}: ${error.message} (attempt ${attempt} of ${MAX_ATTEMPTS}, next in ${Math.round(delayMs)} ms)`, 1000));
          options.onRetry?.({ attempt, delayMs, error });
          if (!isPaused) await this.dependencies.sleep(delayMs, signal).catch(() => signal.throwIfAborted());
        }
      }
    });
  }

  /** Where `path` of the gateway is answered, and what is sent there. Throws BASE_URL_CONSOLE for what a console does not have. */
  private async route(path: string, body: unknown, query: string, signal: AbortSignal): Promise<{ route: Route; data: Buffer | undefined }> {
    const encode = (value: unknown) => (value === undefined ? undefined : Buffer.from(JSON.stringify(value)));
    if (this.kind === "gateway") return { route: { base: this.base, path: path + query }, data: encode(body) };
    const service = legacyService(path);
    if (service === undefined) throw tenantError("BASE_URL_CONSOLE", plain.params({ host: this.base.host, path }), { permanent: true });
    const base = service.key === undefined ? this.base : await this.services.find(service.key, signal);
    const route = { base, path: service.path + query, asGateway: (received: Body) => withGatewayNames(unwrapped(received), service) };
    return { route, data: encode(service.body === undefined ? body : service.body(body)) };
  }

  /** Sends a request with the token, and again with a new one if that is refused. */
  private async authorised<Result>(
    method: "GET" | "POST", route: Route, data: Buffer | undefined, signal: AbortSignal, permission: string | undefined, { readsBody, handle }: Handling<Result>,
  ): Promise<Omit<Reply, "data"> & Result> {
    const { base, path } = route;
    for (let renewed = false; ; renewed = true) {
      const token = await this.tokens.get(signal);
      const headers = { Authorization: `Bearer ${token}`, ...(data === undefined ? {} : { "Content-Type": "application/json" }) };
      const reply = await this.http.send(base, { method, path, headers, data, signal, leaveUnread: readsBody });
      if (reply.status === 401) {
        this.tokens.drop(token);
        if (!renewed) continue;
      }
      if (isPageTokenRefused(reply)) throw tenantError("INVALID_PAGE_TOKEN", {}, { permanent: true });
      this.check.json(reply, { host: base.host, path: path.replace(/\?.*/, ""), permission });
      const result = await handle(reply, route);
      return { ...result, status: reply.status, date: dateOf(reply), elapsedMs: reply.elapsedMs, receivedAt: this.dependencies.now() };
    }
  }

  /** A short text that needs no token. */
  private async publicText(base: URL, path: string, signal: AbortSignal): Promise<string> {
    const reply = await this.http.send(base, { method: "GET", path, headers: { Accept: "*/*" }, signal });
    this.check.success(reply, { host: base.host, path });
    return reply.data.toString("utf8", 0, 2048).trim();
  }
}

const wholeBody: Handling<{ data: Buffer }> = {
  readsBody: false,
  handle: async ({ body, data }, { asGateway }) => ({ data: asGateway === undefined ? data : await wholeOf(asGateway(body)) }),
};

function queryOf({ query = {} }: GetOptions): string {
  const parameters = Object.entries(query).flatMap(([name, value]) => [value].flat().map((item) => [name, item] as [string, string]));
  return parameters.length === 0 ? "" : `?${new URLSearchParams(parameters)}`;
}
