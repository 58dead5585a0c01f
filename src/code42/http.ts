/** One HTTP request and its complete reply, over connections that are kept, straight or through a proxy. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { createGunzip, gunzipSync } from "node:zlib";
import { wholeOf, type Body } from "../body";
import { SiemError } from "../errors";
import { bypasses, proxyUrl, type Proxy } from "../node/proxy";
import { networkError, tenantError } from "./tenant-errors";

/** Small enough to be gone with the next short garbage collection. */
const CHUNK_BYTES = 64 * 1024;

export interface HttpOptions {
  base: URL;
  timeoutMs: number;
  tls: ConnectionOptions;
  proxy: Proxy | undefined;
  userAgent: string;
  maxBodyBytes: number;
}

export interface HttpRequest {
  method: "GET" | "POST";
  /** Below the base URL, with its query. */
  path: string;
  headers: Record<string, string>;
  data?: Buffer | undefined;
  signal: AbortSignal;
  /** The body of a success is read by the caller. */
  leaveBody?: boolean;
}

export interface HttpReply {
  status: number;
  header(name: string): string | undefined;
  /** The body, inflated; empty if it is left to the caller. */
  data: Buffer;
  isLeft: boolean;
  body: ReceivedBody;
  /** Milliseconds from the start of the request to the headers of the reply. */
  elapsedMs: number;
  /** When the headers came, by the monotonic clock. */
  headersAt: number;
}

export class HttpClient {
  private readonly base: string;
  private readonly proxy: URL | undefined;
  private readonly closing = new AbortController();
  private agent: Promise<HttpAgent> | undefined;

  /** Throws PROXY_URL_INVALID. */
  constructor(private readonly options: HttpOptions, private readonly clock: { monotonic(): number }) {
    this.base = options.base.href.replace(/\/+$/, "");
    const { proxy } = options;
    if (proxy === undefined || bypasses(options.base, proxy.noproxy ?? [])) return;
    this.proxy = proxyUrl(proxy);
    if (this.proxy === undefined) throw tenantError("PROXY_URL_INVALID", {}, { permanent: true });
  }

  /**
   * Sends `request`; resolves with any status, redirects included. The headers must arrive within `timeoutMs`, and the
   * body within another. Throws what `networkError` makes, TIMED_OUT, BODY_TOO_LARGE, and the signal's reason.
   */
  async send(request: HttpRequest): Promise<HttpReply> {
    const { timeoutMs, userAgent, maxBodyBytes, base } = this.options;
    const abort = new AbortController();
    const follow = () => abort.abort();
    const timer = setTimeout(follow, timeoutMs);
    request.signal.addEventListener("abort", follow, { once: true });
    try {
      request.signal.throwIfAborted();
      // Loaded at the first request: a Node-RED that only has the node installed does not pay for it.
      const { default: axios } = await import("axios");
      const agent = await (this.agent ??= this.connect());
      const started = this.clock.monotonic();
      const response = await axios.request<Readable>({
        url: this.base + request.path,
        method: request.method,
        headers: { Accept: "application/json", "Accept-Encoding": "gzip", "User-Agent": userAgent, ...request.headers },
        data: request.data,
        signal: abort.signal,
        httpAgent: agent,
        httpsAgent: agent,
        // Only the proxy that was configured, never one of the environment.
        proxy: false,
        maxRedirects: 0,
        validateStatus: null,
        // Collected below, and inflated when somebody reads it: a cut gzip stream is an error then.
        responseType: "stream",
        decompress: false,
      });
      const headersAt = this.clock.monotonic();
      timer.refresh();
      const header = (name: string) => {
        const value: unknown = response.headers[name];
        return typeof value === "string" ? value : undefined;
      };
      const raw = await collect(response.data, maxBodyBytes);
      const body = new ReceivedBody(raw, header("content-encoding") === "gzip" && raw.length > 0, maxBodyBytes, base.host);
      const isLeft = request.leaveBody === true && response.status < 300;
      return { status: response.status, header, body, isLeft, data: isLeft ? Buffer.alloc(0) : await wholeOf(body), elapsedMs: headersAt - started, headersAt };
    } catch (error) {
      if (error instanceof SiemError) throw error;
      request.signal.throwIfAborted();
      if (abort.signal.aborted) throw tenantError("TIMED_OUT", { host: base.host, seconds: timeoutMs / 1000 });
      throw networkError(error, base.host);
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", follow);
    }
  }

  /** Closes every connection, those in use included. */
  close(): void {
    this.closing.abort();
    this.agent?.then((agent) => agent.destroy(), () => undefined);
  }

  private async connect(): Promise<HttpAgent> {
    const { base, tls, timeoutMs } = this.options;
    const secure = base.protocol === "https:";
    if (this.proxy === undefined) return secure ? new HttpsAgent({ ...tls, keepAlive: true }) : new HttpAgent({ keepAlive: true });
    const { HttpProxyAgent, HttpsProxyAgent } = await import("hpagent");
    const options = {
      keepAlive: true,
      proxy: this.proxy,
      // Also for the CONNECT request, which axios knows nothing about.
      timeout: timeoutMs,
      proxyRequestOptions: { signal: this.closing.signal, ...(tls.ca === undefined ? {} : { ca: tls.ca as string[] }) },
    };
    return secure ? new HttpsProxyAgent({ ...tls, ...options }) : new HttpProxyAgent(options);
  }
}

/** A body as it came over the network. */
export class ReceivedBody implements Body {
  /** What reading it ended with. */
  fault: SiemError | undefined;

  constructor(private readonly raw: Buffer, private readonly zipped: boolean, private readonly limit: number, private readonly host: string) {}

  /** Bytes as they came. */
  get length(): number {
    return this.raw.length;
  }

  /** Throws BODY_TOO_LARGE, and what `networkError` makes of compressed bytes that are damaged or cut. */
  async *chunks(): AsyncGenerator<Buffer> {
    if (!this.zipped) {
      yield this.raw;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    gunzip.end(this.raw);
    let bytes = 0;
    try {
      for await (const chunk of gunzip as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > this.limit) throw bodyTooLarge(this.limit);
        yield chunk;
      }
    } catch (error) {
      throw this.fault = error instanceof SiemError ? error : networkError(error, this.host);
    }
  }

  whole(): Buffer {
    return this.zipped ? gunzipSync(this.raw, { maxOutputLength: this.limit }) : this.raw;
  }
}

const bodyTooLarge = (limit: number) => tenantError("BODY_TOO_LARGE", { megabytes: Math.round(limit / 2 ** 20) }, { permanent: true });

async function collect(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) throw bodyTooLarge(limit);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes);
}
