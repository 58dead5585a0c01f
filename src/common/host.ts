/** How a host is written: for a socket, in a URL, for TLS. */
import { isIP, isIPv6 } from "node:net";

/** `host` as a socket takes it: an IPv6 address without the brackets that it has in a URL. */
export function socketHost(host: string): string {
  const address = host.slice(1, -1);
  return host === `[${address}]` && isIPv6(address) ? address : host;
}

/** `host` as it is written before a port: IPv6 in brackets. */
export const urlHost = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

/**
 * The option of a TLS connection that names `host` to the server, for its choice of a certificate: without a final dot, and
 * not at all for an address (RFC 6066 section 3). Node compares the certificate with the same name, or with the address.
 */
export const serverName = (host: string): { servername?: string } => (isIP(socketHost(host)) === 0 ? { servername: withoutDot(host) } : {});

/** `localhost.` is what DNS calls an absolute name; TLS does not know the dot. */
export const withoutDot = (name: string): string => name.replace(/\.$/, "");
