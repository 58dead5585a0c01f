/**
 * A certificate authority in memory, for the embedded broker and its clients. Node reads X.509 but does not issue it, so
 * the few structures are written here (RFC 5280 section 4.1, ECDSA on P-256 with SHA-256); no openssl is needed.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

/** PEM text. */
export interface KeyPair {
  cert: string;
  key: string;
}

export interface Authority extends KeyPair {
  /** A certificate for `commonName`, without any host name, as the fabric's own certificates are. */
  issue(commonName: string): KeyPair;
}

const DAY_MS = 86_400_000;
const VALID_DAYS = 3650;

const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));

const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
const COMMON_NAME = oid("550403");
/** basicConstraints (RFC 5280 section 4.2.1.9): critical with `cA TRUE`, or empty. */
const IS_AUTHORITY = sequence(oid("551d13"), tlv(0x01, Buffer.from([0xff])), tlv(0x04, sequence(tlv(0x01, Buffer.from([0xff])))));
const IS_NO_AUTHORITY = sequence(oid("551d13"), tlv(0x04, sequence()));

const nameOf = (commonName: string) => sequence(tlv(0x31, sequence(COMMON_NAME, tlv(0x0c, Buffer.from(commonName)))));
/** UTCTime, which RFC 5280 section 4.1.2.5 demands until 2049. */
const utcTime = (ms: number) => tlv(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, "")}Z`));

interface Subject {
  commonName: string;
  publicKey: KeyObject;
  extension: Buffer;
}

function certificate({ commonName, publicKey, extension }: Subject, issuer: { commonName: string; key: KeyObject }, nowMs: number): string {
  const serial = randomBytes(16);
  // Positive and of full length.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    ECDSA_WITH_SHA256,
    nameOf(issuer.commonName),
    sequence(utcTime(nowMs - DAY_MS), utcTime(nowMs + VALID_DAYS * DAY_MS)),
    nameOf(commonName),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(extension)),
  );
  const der = sequence(body, ECDSA_WITH_SHA256, tlv(0x03, Buffer.from([0]), sign("sha256", body, issuer.key)));
  return `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}

/** Makes an authority; everything it issues is valid from the day before `nowMs` (epoch ms) for ten years. */
export function makeAuthority(commonName: string, nowMs = Date.now()): Authority {
  const make = (name: string, extension: Buffer, issuer?: KeyObject): KeyPair => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const cert = certificate({ commonName: name, publicKey, extension }, { commonName, key: issuer ?? privateKey }, nowMs);
    return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  };
  const own = make(commonName, IS_AUTHORITY);
  const key = createPrivateKey(own.key);
  return { ...own, issue: (name) => make(name, IS_NO_AUTHORITY, key) };
}
