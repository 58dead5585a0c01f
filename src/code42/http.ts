/** One HTTP request and its complete reply, over connections that are kept, straight or through a proxy. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { bypasses, proxyUrl, type Proxy } from "../node/proxy";
import { networkError, tenantError } from "./tenant-errors";

const inflate = promisify(gunzip);

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
}

export interface HttpReply {
  status: number;
  header(name: string): string | undefined;
  /** The body, inflated. */
  data: Buffer;
  /** The body once more, from the bytes as they came: what a caller may want again need not stay inflated meanwhile. */
  again: () => Promise<Buffer>;
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
        // Collected and inflated below: in one piece off the main thread, and a cut gzip stream is an error.
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
      const zipped = header("content-encoding") === "gzip" && raw.length > 0;
      const again = async () => (zipped ? await unzip(raw, maxBodyBytes) : raw);
      return { status: response.status, header, data: await again(), again, elapsedMs: headersAt - started, headersAt };
    } catch (error) {
      if (error instanceof BodyTooLarge) throw tenantError("BODY_TOO_LARGE", { megabytes: Math.round(maxBodyBytes / 2 ** 20) }, { permanent: true });
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

class BodyTooLarge extends Error {}

async function collect(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes);
}

async function unzip(data: Buffer, limit: number): Promise<Buffer> {
  // RFC 1952 section 2.3.1: the last four bytes are the inflated size. With one more, the output is one allocation; a
  // wrong size only costs more of them.
  const size = data.length < 4 ? 0 : data.readUInt32LE(data.length - 4) + 1;
  try {
    return await inflate(data, { chunkSize: Math.min(Math.max(size, 1024), limit, 2 ** 26), maxOutputLength: limit });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw new BodyTooLarge();
    throw error;
  }
}
