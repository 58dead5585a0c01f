/** Sends the requests of a tenant within its rate, pauses when the server asks for it, and keeps the server's time. */
import { printable, type Printable } from "../../common/border";
import { HttpClient, type HttpOptions, type HttpReply, type HttpRequest } from "./http";
import { RateLimiter } from "./limiter";

const BACKOFF_MS = { first: 1000, most: 60_000 };
const RETRY_AFTER_MOST_MS = 3_600_000;

export interface PacedHttpOptions extends Omit<HttpOptions, "base"> {
  /** Requests that may start in any 60 s. */
  requestsPerMinute: number;
}

export interface PacedHttpDependencies {
  /** Epoch ms. */
  now(): number;
  /** Milliseconds of a clock that never steps. */
  monotonic(): number;
  /** At least 0 and below 1. */
  random(): number;
  /** Rejects when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  log(level: "info" | "debug", text: Printable): void;
}

export class PacedHttp {
  private readonly limiter: RateLimiter;
  /** By base URL. */
  private readonly clients = new Map<string, HttpClient>();
  /** The server's time (epoch ms) in its last reply, and when that came by the monotonic clock. */
  private server: { date: number; at: number } | undefined;
  /** 429 replies without a usable Retry-After since the last success. */
  private refusals = 0;

  constructor(private readonly options: PacedHttpOptions, private readonly dependencies: PacedHttpDependencies) {
    this.limiter = new RateLimiter(options.requestsPerMinute, dependencies);
  }

  /** The connections to the host of `base`. Throws PROXY_URL_INVALID. */
  client(base: URL): HttpClient {
    const known = this.clients.get(base.href);
    if (known !== undefined) return known;
    const client = new HttpClient({ ...this.options, base }, this.dependencies);
    this.clients.set(base.href, client);
    return client;
  }

  /** Waits until the rate allows it, and sends `request` to the host of `base`. Throws what `HttpClient.send` throws. */
  async send(base: URL, request: HttpRequest): Promise<HttpReply> {
    await this.limiter.take(request.signal);
    const reply = await this.client(base).send(request);
    this.dependencies.log("debug", printable(`${request.method} ${request.path.replace(/\?.*/, "")} ${reply.status} ${reply.body.length} bytes in ${Math.round(reply.elapsedMs)} ms`));
    const date = dateOf(reply);
    if (date !== undefined) this.server = { date, at: reply.headersAt };
    if (reply.status === 429) {
      const asked = retryAfterMs(reply.header("retry-after"), this.serverNow());
      // A little later than asked, so that several hosts do not return at the same moment.
      this.limiter.pause(asked === undefined ? this.backoffMs(++this.refusals) : asked + this.dependencies.random() * Math.min(1000, asked / 10));
    } else if (reply.status < 300) {
      this.refusals = 0;
    }
    return reply;
  }

  get knowsServerTime(): boolean {
    return this.server !== undefined;
  }

  /** Epoch ms by the server's clock as of its last reply (to the second); the local clock until then. */
  serverNow(): number {
    const { server, dependencies } = this;
    return server === undefined ? dependencies.now() : server.date + dependencies.monotonic() - server.at;
  }

  /** Milliseconds until requests may start again; 0 if there is no pause. */
  pauseLeftMs(): number {
    return this.limiter.pauseLeft();
  }

  /** How long to wait after the failed attempt with this number (from 1): exponential, with full jitter, ms. */
  backoffMs(attempt: number): number {
    return this.dependencies.random() * Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (attempt - 1));
  }

  /** Closes every connection, those in use included. */
  close(): void {
    for (const client of this.clients.values()) client.close();
  }
}

/** The `Date` header, epoch ms. */
export function dateOf(reply: HttpReply): number | undefined {
  const date = Date.parse(reply.header("date") ?? "");
  return Number.isNaN(date) ? undefined : date;
}

/** Retry-After in seconds or as a date (RFC 9110 section 10.2.3), as ms from now; undefined if it is missing, in the past or unreadable. */
function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now;
  return ms > 0 ? Math.min(ms, RETRY_AFTER_MOST_MS) : undefined;
}
