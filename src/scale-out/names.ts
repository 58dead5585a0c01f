/** How servers, streams, buckets and channels may be written. The dialogs use this too. */

/** Names of streams and buckets are parts of subjects and of file names (NATS ADR-6). */
const NAME = /^[A-Za-z0-9_-]{1,100}$/;
/** `host`, `host:port`, `[IPv6]:port`, with or without the scheme that NATS tools write. */
const SERVER = /^(?:nats:\/\/|tls:\/\/)?(\[[\da-fA-F:.]+\]|[^\s:/@,[\]]+)(?::(\d{1,5}))?$/;

export const isName = (text: string): boolean => NAME.test(text);

/** The lines of a list of servers, without blank ones. */
export const serverLines = (text: string): string[] => text.split(/[\n,]/).map((line) => line.trim()).filter((line) => line !== "");

/** The longest host name has 253 characters (RFC 1035 section 2.3.4). */
const MOST_CHARACTERS = 270;

/** Host and port of a server; undefined if `text` is not a server. */
export function serverOf(text: string): { host: string; port: number } | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  const [, host, port = "4222"] = SERVER.exec(text) ?? [];
  return host === undefined || Number(port) < 1 || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

/** `server` to be shown: NATS tools write a password or a token before the host. */
export const withoutSignIn = (server: string): string => server.replace(/^.*@/s, "***@");

/** True if `server` (`host` or `host:port`) is this machine. */
export const isLoopback = (server: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)(?::\d+)?$/i.test(server);

/** A part of a subject, and the name of a consumer. */
export const isChannel = (text: string): boolean => /^[a-z0-9-]{1,100}$/.test(text);
