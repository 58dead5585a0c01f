/**
 * Feeds damaged bytes to everything that reads what others send: answers of a tenant, DXL frames, MQTT and RELP streams,
 * client configurations, criteria and provisioning replies. Whatever comes in, nothing may crash, no turn of the event loop
 * may take a second, and no memory may stay.
 */
import { createServer as createHttpServer, request as askUpstream, type IncomingHttpHeaders } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { compileFormatter } from "../../src/cef/encoder";
import { mappings } from "../../src/cef/mappings";
import { criteriaFromJson } from "../../src/code42/criteria/criteria";
import { loadSavedSearch } from "../../src/code42/criteria/saved-search";
import { sources } from "../../src/code42/sources";
import { Tenant } from "../../src/code42/tenant/tenant";
import { systemClock } from "../../src/common/clock";
import { SiemError } from "../../src/common/errors";
import { parseClientConfig } from "../../src/dxl/client-config";
import { Fabric } from "../../src/dxl/fabric";
import { decodeMessage, encodeEvent } from "../../src/dxl/message";
import { provision } from "../../src/dxl/provisioning";
import { toFlowMessage } from "../../src/dxl/threat-event";
import { EPO_THREAT_EVENT_TOPIC } from "../../src/dxl/topics";
import { makeSavedSearch } from "../../src/simulator/endpoints/saved-searches";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { makeThreatEvent } from "../../src/simulator/threat-events";
import { createSender, readSettings } from "../../src/syslog/settings";
import { makeCertificates } from "../support/certs";
import { BROKERS, ManagementServer, PASSWORD, USER } from "../support/management-server";
import { Mosquitto } from "../support/mosquitto";
import { makeQuery, MemoryStore } from "../support/query";
import { RelpServer } from "../support/relp-server";

export interface FuzzResult {
  /** Attempts by target. */
  attempts: Record<string, number>;
  /** What must not happen, a sentence each. */
  faults: string[];
  longestTurnMs: number;
  heapGrowthMB: number;
}

type Random = () => number;
type Target = (mutate: (bytes: Buffer) => Buffer) => Promise<void> | void;

const LONGEST_TURN_MS = 1000;
const MOST_GROWTH_MB = 40;
/** An attempt that waits, because the damage looks like a slow server, is given up. */
const PATIENCE_MS = 1500;
/** Texts that readers stumble over. */
const TOKENS = ["null", "{}", "[]", "[[", '"', "\\", "\\ud800", "\0", "\u202e", "\r\n", "1e999", "-0", "9007199254740993", "9".repeat(400), "__proto__", '"__proto__":{"x":1},', "[".repeat(5000), '{"a":'.repeat(2000), " ".repeat(100_000), "A".repeat(300_000), "\xff\xfe", "\xf0\x9f\x98"];

/** A copy of `bytes` with a few changes: bits, cuts, repeats, moved pieces and tokens. */
function damaged(bytes: Buffer, random: Random): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  let result = Buffer.from(bytes);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const [from, to] = [below(result.length + 1), below(result.length + 1)].sort((a, b) => a - b) as [number, number];
    const piece = result.subarray(from, Math.min(to, from + 4096));
    const insert = (at: number, what: Buffer) => Buffer.concat([result.subarray(0, at), what, result.subarray(at)]);
    switch (below(7)) {
      case 0: if (result.length > 0) result[below(result.length)] = below(256); break;
      case 1: result = result.subarray(0, to); break;
      case 2: result = Buffer.concat([result.subarray(0, from), result.subarray(to)]); break;
      case 3: result = insert(to, piece); break;
      case 4: result = insert(from, Buffer.from(TOKENS[below(TOKENS.length)] ?? "", "latin1")); break;
      case 5: result = insert(from, Buffer.concat(Array<Buffer>(1 + below(50)).fill(piece))); break;
      default: result = Buffer.from(result.toString("latin1").replace(/\d+/g, (digits) => (random() < 0.05 ? TOKENS[below(TOKENS.length)] ?? "" : digits)), "latin1");
    }
  }
  return result;
}

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

/** Anything that is no error of ours is a fault: a node would show a stack or a library's words. */
async function attempt(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof SiemError ? undefined : error instanceof Error ? error.stack ?? error.message : String(error);
  }
}

/** Runs all targets in turn for `seconds`. */
export async function fuzz({ seconds, random }: { seconds: number; random: Random }): Promise<FuzzResult> {
  const certs = makeCertificates();
  const closing: (() => unknown)[] = [];
  /** The damage of the current attempt. */
  let mutate = (bytes: Buffer) => bytes;

  /** Passes everything between `client` and a server on `port`; what comes back is damaged. */
  const relay = (client: Socket, port: number) => {
    const server = connect(port, "127.0.0.1");
    for (const socket of [client, server]) socket.on("error", () => undefined);
    client.on("data", (data) => server.write(data)).on("close", () => server.destroy());
    server.on("data", (data) => client.write(random() < 0.3 ? mutate(data) : data)).on("close", () => client.destroy());
  };

  const simulator = await startTenantSimulator({ requestsPerMinute: 1e9, seed: 7 });
  const startMs = Date.now() - 3_600_000;
  simulator.preload({ count: 60, startMs });
  for (const records of [simulator.sessions, simulator.alerts, simulator.auditLog]) records.preload({ count: 20, startMs });
  simulator.savedSearches.push(makeSavedSearch({ id: "saved", name: "Saved", groups: [{ filterClause: "AND", filters: [{ term: "user.email", operator: "IS", value: "a@example.com" }] }] }));
  let path = "";
  const front = createHttpServer((request, response) => {
    const upstream = askUpstream(`${simulator.url}${request.url ?? ""}`, { method: request.method, headers: { ...request.headers, "accept-encoding": "identity" } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
        const body = Buffer.concat(chunks);
        const bad = request.url?.includes(path) === true ? mutate(body) : body;
        const zipped = random() < 0.5;
        const headers: IncomingHttpHeaders = { "content-type": answer.headers["content-type"], date: answer.headers.date };
        response.writeHead(answer.statusCode ?? 200, { ...headers, ...(zipped ? { "content-encoding": "gzip" } : {}) });
        response.end(zipped ? gzipSync(bad, { level: 1 }) : bad);
      });
    });
    upstream.on("error", () => response.destroy());
    request.pipe(upstream);
  });
  const url = `http://127.0.0.1:${await listening(front)}`;
  const patient = (ms: number, signal?: AbortSignal) => sleep(Math.min(ms, 2), undefined, { signal: signal as AbortSignal });
  const tenant = () => new Tenant({ baseUrl: url, clientId: simulator.clientId, clientSecret: simulator.clientSecret, userAgent: "fuzz", requestsPerMinute: 1e6, timeoutMs: PATIENCE_MS }, { sleep: patient });

  /** A poll of `source` in which the answers of `damagedPath` are damaged. */
  const poll = (source: string, damagedPath: string): Target => async () => {
    path = damagedPath;
    const asked = tenant();
    const made = sources[source]?.({ sessionOutput: random() < 0.5 ? "session" : "alert", alertChanges: true, excludeOwn: false });
    const { runner, errors, messages } = makeQuery(asked, new MemoryStore(), { ...(made === undefined ? {} : { source: made }), pageSize: 25 });
    try {
      await Promise.race([runner.act({}), sleep(PATIENCE_MS)]);
      const foreign = errors.find((error) => !(error instanceof SiemError));
      if (foreign !== undefined) throw foreign;
      for (const { payload, kind } of messages) {
        const mapping = mappings.get(kind as never);
        if (mapping === undefined) continue;
        const formatter = compileFormatter(mapping);
        for (const event of payload as unknown[]) formatter.format(event);
      }
    } finally {
      await runner.close();
      asked.close();
    }
  };

  const frame = encodeEvent({
    messageId: "{4df1a3b2-0000-11ee-8c90-0242ac120002}", sourceClientId: "{0f3c8b8e-5a5e-4c4f-9d51-6a4b3f6f9a10}", sourceBrokerId: "{b9a1d4e2-70a6-4b8f-a3f5-1c2d3e4f5a6b}",
    otherFields: { "dxl.certs": "e9".padEnd(40, "0") }, payload: JSON.stringify(makeThreatEvent(1)),
  });
  const threat = compileFormatter(mappings.get("epo.threat-event")!);
  const readFrame = (bytes: Buffer) => {
    const { payload } = toFlowMessage(EPO_THREAT_EVENT_TOPIC, decodeMessage(bytes), { payloadType: "json", expandAggregates: true } as never);
    threat.format(payload);
  };

  const broker = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server, settings: ["log_type error"] });
  const pem = { brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key), passphrase: undefined };
  const tlsFront = createTlsServer({ cert: certs.read(certs.server.cert), key: certs.read(certs.server.key) }, (client) => relay(client, broker.plainPort));
  const mqttPort = await listening(tlsFront);
  const relp = await new RelpServer().start();
  const relpFront = createServer((client) => relay(client, relp.port));
  const relpPort = await listening(relpFront);
  const management = await ManagementServer.start(certs);
  closing.push(() => simulator.close(), () => front.closeAllConnections(), () => front.close(), () => tlsFront.close(), () => relpFront.close(), () => broker.stop(), () => management.stop());

  const config = `[General]\nClientId = {me}\nUseWebSockets = false\n[Certs]\nBrokerCertChain=ca.crt\nCertFile=client.crt\nPrivateKey=client.key\n[Brokers]\n{b1}={b1};8883;broker1.example.com;192.0.2.1\n[BrokersWebSockets]\n`;
  const criteria = '[{"filterClause":"AND","filters":[{"term":"user.email","operator":"IS","value":"a@example.com"},{"term":"file.sizeInBytes","operator":"GREATER_THAN","value":1004622955308648174}]}]';

  const targets: Record<string, Target> = {
    "file events": poll("file-events", "/v2/file-events"),
    "file events v1": poll("file-events-v1", "/v1/file-events"),
    sessions: poll("sessions", "/v1/sessions"),
    alerts: poll("alerts", "/v1/alerts/query-alerts"),
    "alert details": poll("alerts", "/v1/alerts/query-details"),
    "audit log": poll("audit-log", "/v1/audit"),
    "sign-in": poll("file-events", "/v1/oauth"),
    customer: poll("alerts", "/v1/customer"),
    "saved searches": async () => {
      path = "/saved-searches";
      const asked = tenant();
      try {
        await loadSavedSearch(asked, random() < 0.5 ? "saved" : "Saved", AbortSignal.timeout(PATIENCE_MS));
      } finally {
        asked.close();
      }
    },
    "criteria JSON": () => void criteriaFromJson(mutate(Buffer.from(criteria)).toString()),
    "DXL frames": () => {
      for (let times = 0; times < 50; times++) readFrame(mutate(frame));
    },
    "client configuration": () => void parseClientConfig(mutate(Buffer.from(config)).toString(), { folder: "/", readFile: () => pem.certificate }),
    MQTT: async () => {
      const fabric = new Fabric(
        { brokers: [{ host: "127.0.0.1", port: mqttPort }], webSockets: false, credentials: pem, clientId: undefined, keepAlive: 30, reconnectDelay: 1, proxy: undefined },
        { clock: systemClock, random: () => 0.05, log: () => undefined, outage: () => undefined, patience: 500 },
      );
      let events = 0;
      fabric.subscribe("#", { message: () => void (events += 1), state: () => undefined });
      for (let times = 0; times < 10; times++) {
        await broker.publish(EPO_THREAT_EVENT_TOPIC, frame);
        await sleep(20);
      }
      await fabric.close();
    },
    RELP: async () => {
      const sender = createSender(
        readSettings({ host: "127.0.0.1", port: relpPort, transport: "relp" }),
        { clock: systemClock, random: () => 0.01, tls: {}, systemHostname: "fuzz", systemAddresses: [], processId: 1 },
        { changed: () => undefined, outage: () => undefined },
      );
      sender.start();
      for (let times = 0; times < 20; times++) {
        sender.push([`line ${times}`], () => undefined);
        await sleep(5);
      }
      await sender.close(200);
    },
    provisioning: async () => {
      management.instead = (_request, response) => response.end(mutate(Buffer.from(ManagementServer.package(pem.brokerCertChain, pem.certificate, `${BROKERS}\n`))));
      await provision({ host: "127.0.0.1", port: management.port, truststore: certs.read(certs.ca.cert), commonName: "client", user: USER, password: PASSWORD }, { patience: PATIENCE_MS });
    },
  };

  const faults: string[] = [];
  const attempts: Record<string, number> = Object.fromEntries(Object.keys(targets).map((name) => [name, 0]));
  let name = "";
  const crashed = (error: unknown) => faults.push(`${name} crashed: ${error instanceof Error ? error.stack ?? "" : String(error)}`);
  process.on("uncaughtException", crashed).on("unhandledRejection", crashed);
  let [last, longestTurnMs] = [performance.now(), 0];
  const watch = setInterval(() => {
    const now = performance.now();
    longestTurnMs = Math.max(longestTurnMs, now - last - 10);
    if (now - last - 10 > LONGEST_TURN_MS) faults.push(`${name} stopped the event loop for ${Math.round(now - last)} ms`);
    last = now;
  }, 10);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heapMB = async () => {
    await sleep(50);
    collect();
    return process.memoryUsage().heapUsed / 1024 / 1024;
  };

  const end = performance.now() + seconds * 1000;
  let firstMB: number | undefined;
  let round = 0;
  while (performance.now() < end && faults.length < 20) {
    for (name of Object.keys(targets)) {
      mutate = (bytes) => damaged(bytes, random);
      const fault = await attempt(() => targets[name]?.(mutate));
      attempts[name] = (attempts[name] ?? 0) + 1;
      if (fault !== undefined) faults.push(`${name} threw ${fault}`);
    }
    // What the servers keep for tests.
    for (const list of [simulator.requests, relp.sessions, management.requests, management.csrs]) list.length = 0;
    // What is made once (code, agents, tables) is there after some rounds.
    if (++round === 5) firstMB = await heapMB();
  }
  const heapGrowthMB = (await heapMB()) - (firstMB ?? Infinity);
  if (heapGrowthMB > MOST_GROWTH_MB) faults.push(`the heap grew by ${Math.round(heapGrowthMB)} MB`);
  clearInterval(watch);
  for (const close of closing) await close();
  process.off("uncaughtException", crashed).off("unhandledRejection", crashed);
  return { attempts, faults, longestTurnMs: Math.round(longestTurnMs), heapGrowthMB: Math.round(heapGrowthMB) };
}
