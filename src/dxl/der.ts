/** The few structures of DER (ITU-T X.690) that a certificate and a request for one are made of: Node reads them but does not write them. */

/** One element: `tag`, the length, `parts` one after the other; below 64 KiB. */
export const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};

export const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
export const setOf = (...parts: Uint8Array[]) => tlv(0x31, ...parts);
export const octets = (...parts: Uint8Array[]) => tlv(0x04, ...parts);
/** Whole bytes, no bit of the last one unused. */
export const bits = (content: Uint8Array) => tlv(0x03, Buffer.from([0]), content);
/** From the hex of its content. */
export const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));

const COMMON_NAME = oid("550403");

/** A name (RFC 5280 section 4.1.2.4) that is a common name and nothing else. */
export const nameOf = (commonName: string) => sequence(setOf(sequence(COMMON_NAME, tlv(0x0c, Buffer.from(commonName)))));

/** basicConstraints (RFC 5280 section 4.2.1.9), empty: no authority. */
export const IS_NO_AUTHORITY = sequence(oid("551d13"), octets(sequence()));

/** Textual encoding (RFC 7468 section 2); `label` as in `BEGIN CERTIFICATE`. */
export const pem = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
