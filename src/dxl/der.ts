/** Writes the few structures of DER (ITU-T X.690) that certificates and certificate requests consist of: Node.js reads them only. */

/** One element: `tag`, the length, then `parts`, which must be shorter than 64 KiB together. */
export const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};

export const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
export const setOf = (...parts: Uint8Array[]) => tlv(0x31, ...parts);
export const octets = (...parts: Uint8Array[]) => tlv(0x04, ...parts);
/** A bit string of whole bytes. */
export const bits = (content: Uint8Array) => tlv(0x03, Buffer.from([0]), content);
/** An object identifier, from the hex of its content. */
export const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));

const COMMON_NAME = oid("550403");

/** A name (RFC 5280 section 4.1.2.4) with a common name only. */
export const nameOf = (commonName: string) => sequence(setOf(sequence(COMMON_NAME, tlv(0x0c, Buffer.from(commonName)))));

/** Empty basicConstraints (RFC 5280 section 4.2.1.9): not an authority. */
export const IS_NO_AUTHORITY = sequence(oid("551d13"), octets(sequence()));

/** Textual encoding (RFC 7468 section 2); `label` as in `BEGIN CERTIFICATE`. */
export const pem = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
