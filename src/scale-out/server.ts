/** One server of NATS: how we connect and sign in, and what it says of itself. */
import type { NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { Border } from "../common/border";
import { tlsSecrets, withoutSecrets } from "../common/secrets";
import { natsError } from "./errors";
import { MOST_PAYLOAD, USUAL_PAYLOAD } from "./frames";
import type { NatsPackages } from "./load";
import type { NatsAuth, NatsSettings } from "./settings";
import { connect } from "./transport";

const CONNECT_MS = 5000;
/** A connection that is cut without a word is noticed after two or three of these. */
const PING_MS = 5000;
/** Older servers forget acknowledgements when they are killed. */
const OLDEST = [2, 10] as const;

/** JWT and seed of a credentials file. The package's parser would take hours for a long text of blanks. */
function keysIn(creds: string): { jwt: string | undefined; seed: string | undefined } {
  const words = creds.split(/\s+/);
  return { jwt: words.find((word) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(word) && word.startsWith("ey")), seed: words.find((word) => /^SU[A-Z2-7]{56}$/.test(word)) };
}

/** Takes the secrets of a configuration out of every text. */
export const natsBorder = ({ auth, tls = {} }: NatsSettings): Border => new Border(withoutSecrets(() => [...secretsOf(auth), ...tlsSecrets(tls)]));

function secretsOf(auth: NatsAuth): string[] {
  switch (auth.type) {
    case "none": return [];
    case "user": return [auth.password];
    case "token": return [auth.token];
    case "nkey": return [auth.seed];
    case "creds": return Object.values(keysIn(auth.creds)).filter((key) => key !== undefined);
  }
}

/** Rejects with CREDENTIALS_INVALID for a seed or credentials file that the package cannot read, and what the package rejects with. */
export async function connectTo(server: string, { auth, tls }: NatsSettings, packages: NatsPackages, border: Border): Promise<NatsConnection> {
  return connect(packages, {
    servers: [server],
    ...authOptions(auth, packages.transport, border),
    // The package passes them to tls.connect.
    ...(tls === undefined ? {} : { tls: { ...tls, rejectUnauthorized: true } as NonNullable<NodeConnectionOptions["tls"]> }),
    reconnect: false,
    // A server could name others, to which our secrets would go.
    ignoreClusterUpdates: true,
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: 2,
    noAsyncTraces: true,
  });
}

function authOptions(auth: NatsAuth, { nkeyAuthenticator, jwtAuthenticator, nkeys }: NatsPackages["transport"], border: Border): NodeConnectionOptions {
  try {
    switch (auth.type) {
      case "none": return {};
      case "user": return { user: auth.user, pass: auth.password };
      case "token": return { token: auth.token };
      case "nkey": {
        const seed = Buffer.from(auth.seed);
        nkeys.fromSeed(seed);
        return { authenticator: nkeyAuthenticator(seed) };
      }
      case "creds": {
        const { jwt, seed } = keysIn(auth.creds);
        if (jwt === undefined || seed === undefined) throw new Error("a JWT and a seed are not in it");
        nkeys.fromSeed(Buffer.from(seed));
        return { authenticator: jwtAuthenticator(jwt, Buffer.from(seed)) };
      }
    }
  } catch (error) {
    throw natsError("CREDENTIALS_INVALID", border.params({ reason: error }), { permanent: true });
  }
}

/** What the server told about itself, checked. */
export function serverFacts({ info }: NatsConnection): { version: string; isOld: boolean; maxPayload: number; isEncrypted: boolean } {
  const { version = "", max_payload: most, tls_required: demandsTls, tls_available: hasTls } = info ?? {};
  return {
    version,
    isOld: isOlder(version),
    maxPayload: typeof most === "number" && most > 0 ? Math.min(most, MOST_PAYLOAD) : USUAL_PAYLOAD,
    // The package uses TLS wherever the server has it.
    isEncrypted: demandsTls === true || hasTls === true,
  };
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}
