/**
 * The button "Test connection": signs in at each server by itself, then looks for JetStream, stream, bucket and the
 * permissions for them at the first that works. It changes nothing on the server.
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Printable } from "../common/border";
import { within, type Clock } from "../common/clock";
import { FailedStep, type Secrets, type Step } from "../common/dialog-step";
import type { SiemError } from "../common/errors";
import type { Properties } from "../common/properties";
import { explainNats, isForOtherStream } from "./explain";
import { loadNats } from "./load";
import { connectTo, natsBorder, serverFacts } from "./server";
import { asksForTls, serversOf, type NatsSettings } from "./settings";
import { bucketStream, bucketWanted, inspect, streamWanted } from "./setup";

interface ServerReport {
  /** `host:port` */
  server: Printable;
  /** Why the server cannot be used; undefined if it can. */
  error: SiemError | undefined;
}

interface NatsReport {
  servers: ServerReport[];
  version: Printable;
  isOld: boolean;
  /** False: they will be created. */
  hasStream: boolean;
  hasBucket: boolean;
}

/** Enough to see what is wrong, without a flood of connections. */
const MOST_SERVERS = 10;
const PATIENCE_MS = 12_000;

const CREDENTIALS: Readonly<Record<string, readonly string[]>> = { user: ["user", "password"], token: ["token"], nkey: ["nkeySeed"], creds: ["creds"] };

/** A stored password goes to the deployed servers only, and not without TLS where they are deployed with it. */
export const natsSecrets: Secrets = {
  names: ({ authType }) => CREDENTIALS[String(authType)] ?? [],
  addresses: (settings: Properties) => {
    const scheme = asksForTls(settings) || (typeof settings["tls"] === "string" && settings["tls"] !== "") ? "tls" : "nats";
    return serversOf(settings).map((server) => `${scheme}://${server}`);
  },
};

const STEPS: Readonly<Record<string, Step>> = { NATS_REFUSED: "signIn", NATS_TLS: "tls", NATS_PERMISSION: "permission", NATS_NO_JETSTREAM: "jetStream", NATS_UNREACHABLE: "connection" };
const NAME_CODES: readonly unknown[] = ["ENOTFOUND", "EAI_AGAIN"];

/** The step at which a connection failed; an error that is not about the connection is about the settings. */
const stepOf = (error: SiemError): Step => (NAME_CODES.includes(error.cause?.code) ? "name" : STEPS[error.code] ?? "settings");

/** Rejects with a FailedStep, and NATS_MISSING. */
export async function testConnection(settings: NatsSettings, { clock, patienceMs = PATIENCE_MS }: { clock: Clock; patienceMs?: number }): Promise<NatsReport> {
  const border = natsBorder(settings);
  const packages = await loadNats();
  const tried = await Promise.all(settings.servers.slice(0, MOST_SERVERS).map(async (server): Promise<{ server: string; connection?: NatsConnection; error?: SiemError }> => {
    try {
      return { server, connection: await inTime(connectTo(server, settings, packages, border), clock, patienceMs) };
    } catch (error) {
      return { server, error: explainNats(error, border, { ...settings, server }) };
    }
  }));
  try {
    const [first] = tried;
    const found = tried.find(({ connection }) => connection !== undefined);
    if (found?.connection === undefined) throw new FailedStep(stepOf(first?.error as SiemError), first?.error);
    const { connection, server } = found;
    const step = async <Value>(name: Step, work: () => Promise<Value>): Promise<Value> => work().catch((error: unknown) => {
      const explained = explainNats(error, border, { ...settings, server });
      throw new FailedStep(STEPS[explained.code] ?? name, explained);
    });
    const jsm = await step("jetStream", () => packages.jetstream.jetstreamManager(connection));
    const hasStream = await step("stream", () => inspect(jsm, streamWanted(settings), border)) !== undefined;
    const hasBucket = await step("bucket", () => inspect(jsm, bucketWanted(settings), border)) !== undefined;
    if (hasBucket) await step("permission", () => tryBucket(jsm, settings.bucket));
    const { version, isOld } = serverFacts(connection);
    return { servers: tried.map(({ server: name, error }) => ({ server: border.text(name), error })), version: border.text(version), isOld, hasStream, hasBucket };
  } finally {
    for (const { connection } of tried) await connection?.close();
  }
}

/** Rejects if the user may not read or write a cursor. What it writes is for another stream, so the server allows it and does not store it. */
async function tryBucket(jsm: JetStreamManager, bucket: string): Promise<void> {
  const subject = `$KV.${bucket}.connection-test`;
  await jsm.streams.getMessage(bucketStream(bucket), { last_by_subj: subject });
  try {
    await jsm.jetstream().publish(subject, "", { expect: { streamName: "none" } });
  } catch (error) {
    if (!isForOtherStream(error)) throw error;
  }
}

/** A connection that comes too late is closed. */
async function inTime(connecting: Promise<NatsConnection>, clock: Clock, patienceMs: number): Promise<NatsConnection> {
  const connection = await within(clock, patienceMs, connecting);
  if (connection !== undefined) return connection;
  void connecting.then((late) => late.close(), () => undefined);
  throw Object.assign(new Error("no answer in time"), { name: "TimeoutError" });
}
