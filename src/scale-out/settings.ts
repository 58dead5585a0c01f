/** The properties of a `nats-connection` node, checked. */
import type { ConnectionOptions } from "node:tls";
import { plain, printable } from "../common/border";
import { addressProperty, booleanProperty, choiceProperty, listProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import { natsError } from "./errors";
import { isName, serverLines, serverOf, withoutSignIn } from "./names";

export interface NatsSettings {
  /** `host` or `host:port` each. */
  servers: readonly string[];
  auth: NatsAuth;
  /** Undefined: no TLS, unless the server asks for it. */
  tls: ConnectionOptions | undefined;
  stream: string;
  bucket: string;
  /** Make the stream and the bucket if they are missing. */
  create: boolean;
  replicas: 1 | 3 | 5;
  streamBytes: number;
  /** Milliseconds. */
  dedupeWindowMs: number;
}

export type NatsAuth =
  | { type: "none" }
  | { type: "user"; user: string; password: string }
  | { type: "token"; token: string }
  | { type: "nkey"; seed: string }
  | { type: "creds"; creds: string };

const MOST_SERVERS = 100;
const MIB = 2 ** 20;

/** Throws the SiemError of the first property that is wrong. `tls` are the options of the TLS configuration, if one is chosen. */
export function readSettings(properties: Properties, credentials: Properties, tls: ConnectionOptions | undefined): NatsSettings {
  return {
    servers: serversOf(properties),
    auth: authOf(choiceProperty(properties, "authType", ["none", "user", "token", "nkey", "creds"]), credentials),
    tls,
    stream: nameOf(properties, "stream", "SECURITY_EVENTS"),
    bucket: nameOf(properties, "bucket", "security-events"),
    create: booleanProperty(properties, "create", true),
    replicas: Number(choiceProperty(asText(properties["replicas"]), "replicas", ["1", "3", "5"])) as NatsSettings["replicas"],
    streamBytes: numberProperty(properties, "streamBytes", { fallback: 1024 * MIB, min: MIB, max: Number.MAX_SAFE_INTEGER, integer: true }),
    dedupeWindowMs: numberProperty(properties, "dedupeWindow", { fallback: 600, min: 1, max: 86_400 }) * 1000,
  };
}

/** A flow that was not made in the editor may have a number. */
const asText = (replicas: unknown) => ({ replicas: typeof replicas === "number" ? String(replicas) : replicas });

/** `host:port` each. The property is a list, or lines as in the dialog. */
export function serversOf(properties: Properties): string[] {
  const value = properties["servers"];
  const servers = (typeof value === "string" ? serverLines(value) : listProperty(properties, "servers"))
    .map((server) => addressProperty({ servers: server }, "servers", ""))
    .filter((server) => server !== "");
  if (servers.length === 0) throw natsError("SERVERS_EMPTY", {}, { permanent: true });
  if (servers.length > MOST_SERVERS) throw natsError("SERVERS_COUNT", { max: MOST_SERVERS }, { permanent: true });
  return servers.map((text) => {
    const server = serverOf(text);
    if (server === undefined) throw natsError("SERVER_INVALID", { server: printable(withoutSignIn(text), 80) }, { permanent: true });
    return `${server.host}:${server.port}`;
  });
}

/** True if one of the servers is written with the scheme that asks for TLS. */
export const asksForTls = (properties: Properties): boolean => JSON.stringify(properties["servers"] ?? "").includes("tls://");

function authOf(type: NatsAuth["type"], credentials: Properties): NatsAuth {
  // Not trimmed, because a password may begin or end with a blank.
  const secret = (name: string) => {
    const value = credentials[name];
    if (typeof value !== "string" || value.trim() === "") throw natsError("CREDENTIAL_MISSING", plain.params({ name }), { permanent: true });
    return value;
  };
  switch (type) {
    case "user": return { type, user: secret("user"), password: secret("password") };
    case "token": return { type, token: secret("token") };
    case "nkey": return { type, seed: secret("nkeySeed").trim() };
    case "creds": return { type, creds: secret("creds").trim() };
    case "none": return { type };
  }
}

function nameOf(properties: Properties, property: string, fallback: string): string {
  const name = textProperty(properties, property, fallback);
  if (!isName(name)) throw natsError("NAME_INVALID", plain.params({ property, name: printable(name, 80) }), { permanent: true });
  return name;
}
