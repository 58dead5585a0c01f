/**
 * A certificate authority in memory, for the embedded broker and its clients. Node.js can read X.509 certificates but not
 * issue them, so this file writes the structures (RFC 5280 section 4.1, ECDSA on P-256 with SHA-256). It needs no openssl.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { bits, IS_NO_AUTHORITY, nameOf, octets, oid, pem, sequence, tlv } from "../dxl/der";

/** PEM text. */
export interface KeyPair {
  cert: string;
  key: string;
}

export interface Authority extends KeyPair {
  /** Issues a certificate for `commonName`, without a host name, like the fabric's own certificates. */
  issue(commonName: string): KeyPair;
}

const DAY_MS = 86_400_000;
const VALID_DAYS = 3650;

const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
/** basicConstraints (RFC 5280 section 4.2.1.9): critical with `cA TRUE`. */
const IS_AUTHORITY = sequence(oid("551d13"), tlv(0x01, Buffer.from([0xff])), octets(sequence(tlv(0x01, Buffer.from([0xff])))));

/** UTCTime, which RFC 5280 section 4.1.2.5 requires for dates until 2049. */
const utcTime = (ms: number) => tlv(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, "")}Z`));

interface Subject {
  commonName: string;
  publicKey: KeyObject;
  extension: Buffer;
}

function certificate({ commonName, publicKey, extension }: Subject, issuer: { commonName: string; key: KeyObject }, nowMs: number): string {
  const serial = randomBytes(16);
  // Makes the number positive and keeps its full length.
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
  return pem("CERTIFICATE", sequence(body, ECDSA_WITH_SHA256, bits(sign("sha256", body, issuer.key))));
}

/** Makes an authority. Its certificates are valid from the day before `nowMs` (epoch ms) for ten years. */
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
