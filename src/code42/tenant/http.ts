/** Sends one HTTP request to a host of a tenant, and receives the complete reply in time. */
import { BodyTooLong, RawBody, wholeOf, type Body } from "../../pages/body";
import type { Border } from "../../common/border";
import { sendRequest } from "../../common/http";
import { SiemError } from "../../common/errors";
import { inMegabytes, RECEIVED_LIST_BYTES, SHORT_ANSWER_BYTES } from "../../common/limits";
import { Connections, type ConnectionsOptions } from "./connections";
import { networkError, tenantError } from "./tenant-errors";

export interface HttpOptions extends ConnectionsOptions {
  userAgent: string;
  /** Limit of a body that is left to the caller, inflated. */
  maxBodyBytes: number;
  border: Border;
}

export interface HttpRequest {
  method: "GET" | "POST";
  /** Below the base URL, with its query. */
  path: string;
  headers: Record<string, string>;
  data?: Buffer | undefined;
  signal: AbortSignal;
  /** Leaves the body of a success to the caller, who reads it from `body` of the reply. */
  leaveUnread?: boolean;
}

export interface HttpReply {
  status: number;
  /** The value of the header with this name (in lower case); undefined if there is none. */
  header: (name: string) => string | undefined;
  /** The body, inflated; empty if `isUnread`. */
  data: Buffer;
  /** True if the body was left to the caller. */
  isUnread: boolean;
  body: ReceivedBody;
  /** Milliseconds from the start of the request to the headers of the reply. */
  elapsedMs: number;
  /** When the headers came, by the monotonic clock. */
  headersAt: number;
}

export class HttpClient {
  private readonly base: string;
  private readonly connections: Connections;

  /** Throws PROXY_URL_INVALID. */
  constructor(private readonly options: HttpOptions, private readonly clock: { monotonic(): number }) {
    this.base = options.base.href.replace(/(?<!\/)\/+$/, "");
    this.connections = new Connections(options);
  }

  /**
   * Sends `request`; resolves with any status, redirects included. The headers must arrive within `timeoutMs`, and the
   * body within the same time after them. Throws the errors of `networkError`, TIMED_OUT, or TLS_NOT_SPOKEN if the host
   * did not answer TLS either; ANSWER_TOO_LARGE, and BODY_TOO_LARGE for a body that is left to the caller; and the signal's reason.
   */
  async send(request: HttpRequest): Promise<HttpReply> {
    const { timeoutMs, userAgent, maxBodyBytes, base, border } = this.options;
    const { method, path, data } = request;
    const abort = new AbortController();
    const follow = () => abort.abort();
    let awaitsTls = false;
    const timer = setTimeout(() => {
      awaitsTls = this.connections.awaitsTls;
      abort.abort();
    }, timeoutMs);
    request.signal.addEventListener("abort", follow, { once: true });
    try {
      request.signal.throwIfAborted();
      const agent = await this.connections.agent();
      const started = this.clock.monotonic();
      const { status, headers, body: received } = await sendRequest({
        method, data, agent, signal: abort.signal, url: this.base + path,
        headers: { Accept: "application/json", "Accept-Encoding": "gzip", "User-Agent": userAgent, ...request.headers },
      });
      const headersAt = this.clock.monotonic();
      timer.refresh();
      const header = (name: string) => {
        const value = headers[name];
        return typeof value === "string" ? value : undefined;
      };
      const isUnread = request.leaveUnread === true && status < 300;
      const limit = isUnread ? maxBodyBytes : SHORT_ANSWER_BYTES;
      const tooLarge = isUnread
        ? (bytes: number) => tenantError("BODY_TOO_LARGE", { megabytes: inMegabytes(bytes) }, { permanent: true })
        : (bytes: number) => tenantError("ANSWER_TOO_LARGE", border.params({ host: base.host, megabytes: inMegabytes(bytes) }), { permanent: true });
      const mostReceived = Math.min(limit, RECEIVED_LIST_BYTES);
      const raw = await received(mostReceived);
      const body = new ReceivedBody(new RawBody(raw ?? Buffer.alloc(0), header("content-encoding") === "gzip" && raw?.length !== 0, limit), base.host, border, tooLarge);
      const reply = { status, header, body, isUnread, elapsedMs: headersAt - started, headersAt };
      if (status >= 300) {
        // The status says enough: what a refusal adds to it may be missing.
        const data = raw === undefined ? Buffer.alloc(0) : await wholeOf(body).catch(() => Buffer.alloc(0));
        return { ...reply, data };
      }
      if (raw === undefined) throw tooLarge(mostReceived);
      return { ...reply, data: isUnread ? Buffer.alloc(0) : await wholeOf(body) };
    } catch (error) {
      if (error instanceof SiemError) throw error;
      request.signal.throwIfAborted();
      if (abort.signal.aborted) throw tenantError(awaitsTls ? "TLS_NOT_SPOKEN" : "TIMED_OUT", border.params({ host: base.host, seconds: timeoutMs / 1000 }));
      throw networkError(error, base.host, border);
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", follow);
    }
  }

  /** Closes every connection, those in use included. */
  close(): void {
    this.connections.close();
  }
}

/** The body of a reply, kept compressed: reading it inflates it, and reports a gzip stream that is damaged or cut. */
export class ReceivedBody implements Body {
  /** The error of the last reading; undefined if there was none. */
  fault: SiemError | undefined;

  /** `tooLarge` makes the error of a body that inflates to more than this many bytes. */
  constructor(readonly raw: RawBody, private readonly host: string, private readonly border: Border, private readonly tooLarge: (bytes: number) => SiemError) {}

  /** Bytes received. */
  get length(): number {
    return this.raw.bytes.length;
  }

  /** Throws the error of `tooLarge`, and those of `networkError` for what zlib reports. */
  async *chunks(): AsyncGenerator<Buffer> {
    try {
      yield* this.raw.chunks();
    } catch (error) {
      throw this.fault = error instanceof BodyTooLong ? this.tooLarge(this.raw.limit) : networkError(error, this.host, this.border);
    }
  }

  whole(): Buffer {
    return this.raw.whole();
  }
}
