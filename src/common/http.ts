/**
 * One HTTP request and its response, through axios. Everything that is about axios is in this file: it adds no header of
 * its own to a request, and its errors, which hold the request with its secrets, do not leave.
 */
import type { Agent, IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";

export interface HttpRequest {
  method: "GET" | "POST";
  url: string;
  headers: Readonly<Record<string, string>>;
  data?: Buffer | undefined;
  /** For the protocol of `url`. */
  agent: Agent;
  /** Ends the request, and the reading of its response. */
  signal: AbortSignal;
}

export interface HttpResponse {
  status: number;
  headers: IncomingHttpHeaders;
  /** The bytes that the server sent, still compressed; undefined if there are more than `limit`: the connection is closed then. Throws as `sendRequest` does. */
  body: (limit: number) => Promise<Buffer | undefined>;
}

/** Axios would send a header of its own in place of each of these. */
const NO_HEADERS = { "User-Agent": false, "Accept-Encoding": false, "Content-Type": false };

/**
 * Resolves with the response when its headers are there, whatever its status; redirects are not followed. Whoever gets
 * it reads its body. Throws what a socket, TLS or the agent reported: an Error with `code`, and `hostname` where the
 * name of a host is at fault. No proxy is used but the one of the agent, and no time-out is set.
 */
export async function sendRequest({ agent, headers, ...request }: HttpRequest): Promise<HttpResponse> {
  try {
    const { Axios } = await import("axios");
    // An instance of our own: the one that packages share may have defaults and interceptors of others.
    const { status, headers: received, data: stream } = await new Axios({ adapter: "http" }).request<Readable>({
      ...request,
      headers: { ...NO_HEADERS, ...headers },
      httpAgent: agent,
      httpsAgent: agent,
      proxy: false,
      maxRedirects: 0,
      validateStatus: () => true,
      responseType: "stream",
      decompress: false,
    });
    return { status, headers: received as IncomingHttpHeaders, body: (limit) => collect(stream, limit) };
  } catch (error) {
    throw systemError(error);
  }
}

async function collect(stream: Readable, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limit) return undefined;
      chunks.push(chunk);
    }
  } catch (error) {
    throw systemError(error);
  }
  return Buffer.concat(chunks);
}

/** A new error with no more than the code and the text of what was thrown. */
function systemError(thrown: unknown): Error {
  const { code = "", hostname, message } = innermost(thrown);
  return Object.assign(new Error(message === "" ? code : message), { code, hostname });
}

/** Axios wraps what the socket reported, and Node wraps the failures of several addresses in one error. */
function innermost(thrown: unknown): NodeJS.ErrnoException & { hostname?: string } {
  const { isAxiosError, cause, errors } = thrown as { isAxiosError?: boolean; cause?: unknown; errors?: unknown[] };
  const inner = isAxiosError === true ? cause : errors?.[0];
  return inner === undefined ? thrown as Error : innermost(inner);
}
