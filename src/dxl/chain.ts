/** What a chain of certificates lacks. */
import type { X509Certificate } from "node:crypto";

/** `CN=node-red, O=Example`, from the lines in which Node.js gives a name. */
export const nameInOneLine = (lines: string): string => lines.split("\n").join(", ");

/**
 * The subject (`CN=Example CA, O=Example`) of the first certificate that is missing on the way from `leaf` up to its root, if
 * only those of `known` are at hand; undefined if the way is complete.
 */
export function missingIssuer(leaf: X509Certificate, known: readonly X509Certificate[]): string | undefined {
  const rest = new Set(known);
  let current = leaf;
  for (;;) {
    const next = [...rest].find((candidate) => current.checkIssued(candidate));
    if (next === undefined) return nameInOneLine(current.issuer);
    if (next.subject === next.issuer) return undefined;
    rest.delete(next);
    current = next;
  }
}

/** The intermediate certificates that a peer sent with its own: a root that it sends proves nothing. */
export function sentIntermediates(leaf: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next !== undefined && next.subject !== next.issuer; next = next.issuerCertificate) sent.push(next);
  return sent;
}
