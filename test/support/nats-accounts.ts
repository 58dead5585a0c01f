/** Signs in to nats-server with keys: an nkey, and the JWTs of an operator, an account and a user as `nsc` makes them (NATS ADR-14). */
import { createHash } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createUser>;

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const base64 = (value: string | Uint8Array) => Buffer.from(value).toString("base64url");

function jwt(issuer: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const claims = { iat: Math.floor(Date.now() / 1000), iss: issuer.getPublicKey(), name, sub: subject.getPublicKey(), nats };
  const jti = createHash("sha256").update(JSON.stringify(claims)).digest("hex");
  const content = `${base64(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }))}.${base64(JSON.stringify({ jti, ...claims }))}`;
  return `${content}.${base64(issuer.sign(Buffer.from(content)))}`;
}

const LIMITS = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };

export interface Accounts {
  /** Lines for the server's configuration; `revoked` are public keys of users. */
  settings(revoked?: readonly string[]): string;
  /** A credentials file. */
  creds: string;
  seed: string;
  user: string;
}

export function makeAccounts({ jetstream = true } = {}): Accounts {
  const [operator, system, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount(), nkeys.createUser()];
  const storage = jetstream ? { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 } : {};
  const seed = textOf(user.getSeed());
  // A running server takes no other one.
  const operatorJwt = jwt(operator, operator, "operator", { type: "operator", version: 2 });
  return {
    seed,
    user: user.getPublicKey(),
    settings(revoked = []) {
      const revocations = Object.fromEntries(revoked.map((key) => [key, Math.floor(Date.now() / 1000) + 1]));
      const jwts = [
        [system, { type: "account", version: 2, limits: LIMITS }],
        [account, { type: "account", version: 2, limits: { ...LIMITS, ...storage }, ...(revoked.length === 0 ? {} : { revocations }) }],
      ] as const;
      return [
        `operator: ${operatorJwt}`,
        `system_account: ${system.getPublicKey()}`,
        "resolver: MEMORY",
        `resolver_preload: {\n${jwts.map(([key, nats]) => `${key.getPublicKey()}: ${jwt(operator, key, "account", nats)}`).join("\n")}\n}`,
      ].join("\n");
    },
    creds: `-----BEGIN NATS USER JWT-----
${jwt(account, user, "user", { type: "user", version: 2, pub: {}, sub: {}, subs: -1, data: -1, payload: -1 })}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------

*************************************************************
`,
  };
}
