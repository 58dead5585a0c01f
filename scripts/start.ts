/**
 * `npm start` runs the example with the dashboard in a real Node-RED, with an embedded tenant, DXL fabric and SIEM, or with
 * real ones from environment variables. It keeps its files in `.demo/`, or in the folder `DEMO_DIR`.
 *
 *     npm start -- [--events N] [--headless-until-idle] [--cluster [--kill]]
 *
 * `--events N` starts with a backlog of N events. `--headless-until-idle` adds no new events and ends when all are
 * delivered, with exit code 0, or 1 if one is missing. `--cluster` runs two Node-REDs that share the work (see cluster.ts).
 */
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { makeAuthority } from "../src/simulator/certificates";
import { startDxlBroker } from "../src/simulator/dxl-broker";
import { makeThreatEvent } from "../src/simulator/threat-events";
import { modulesWithDashboard } from "../test/support/dashboard";
import { examples } from "../test/support/examples";
import { durableStore, startNodeRed, type FlowNode } from "../test/support/node-red-process";
import { ensureBuilt, root } from "./built";
import { startCluster } from "./cluster";
import { Arrivals, embeddedSiem, embeddedTenant, figure, loadOrMakeDemo, PROGRESS_MS, saveNewDemo, SEED, siemLog, STALL_MS } from "./demo";

const DEMO = resolve(process.env["DEMO_DIR"] ?? join(root, ".demo"));
const THREAT_EVERY_MS = 1000;
const THREAT_TOPIC = "/mcafee/event/epo/threat/response";
/** The node type of each source, with the type of its config node. */
const SOURCES = new Map([["code42-query", "code42-tenant"], ["dxl-threat-event", "dxl-fabric"]]);

interface EmbeddedFabric {
  /** The client configuration that a node connects with. */
  configFile: string;
  close(): Promise<void>;
}

/** Starts a broker with new certificates. If `live`, it publishes a threat event every second while a client is subscribed. */
async function embeddedFabric(sinceMs: number, live: boolean): Promise<EmbeddedFabric> {
  const authority = makeAuthority("Embedded DXL fabric");
  const client = authority.issue("node-red");
  const broker = await startDxlBroker({ tls: { ...authority.issue("Embedded DXL broker"), ca: authority.cert } });
  const folder = join(DEMO, "dxl");
  const configFile = join(folder, "dxlclient.config");
  mkdirSync(folder, { recursive: true });
  const files = {
    "ca-bundle.crt": authority.cert,
    "client.crt": client.cert,
    "client.key": client.key,
    "dxlclient.config": `[Certs]\nBrokerCertChain=ca-bundle.crt\nCertFile=client.crt\nPrivateKey=client.key\n\n[Brokers]\nembedded=embedded;${broker.port};127.0.0.1\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const timer = live ? setInterval(() => {
    const now = Date.now();
    const event = makeThreatEvent(Math.floor((now - sinceMs) / THREAT_EVERY_MS), SEED, now);
    if (broker.filters.length > 0) void broker.publish(THREAT_TOPIC, JSON.stringify(event));
  }, THREAT_EVERY_MS) : undefined;
  return {
    configFile,
    close: async () => {
      clearInterval(timer);
      await broker.close();
    },
  };
}

/**
 * The example with the dashboard, without the unwanted sources, and with a cursor that survives a crash. It polls the
 * embedded tenant often, so that there is something to watch.
 */
function demoFlow(sources: readonly string[], embedded: boolean): FlowNode[] {
  const flow = examples().find(({ name }) => name.endsWith("with a dashboard"))?.flow ?? [];
  const unwanted = flow.filter(({ type }) => [...SOURCES].some(([source, config]) => !sources.includes(source) && [source, config].includes(type))).map(({ id }) => id);
  return flow.filter(({ id }) => !unwanted.includes(id)).map((node) => ({
    ...node,
    ...(Array.isArray(node["wires"]) ? { wires: (node["wires"] as string[][]).map((targets) => targets.filter((id) => !unwanted.includes(id))) } : {}),
    ...(Array.isArray(node["scope"]) ? { scope: (node["scope"] as string[]).filter((id) => !unwanted.includes(id)) } : {}),
    ...(node.type === "code42-query" ? { cursor: `#:(durable)::${String(node["cursor"])}`, ...(embedded ? { pollInterval: "5", pageSize: "10000" } : {}) } : {}),
  }));
}

/** The insertion time up to which the stored cursor says that everything is delivered; undefined if there is no cursor. */
function cursorInstant(userDir: string): string | undefined {
  try {
    const stored = JSON.parse(readFileSync(join(userDir, "context/global/global.json"), "utf8")) as Record<string, string>;
    const cursor = JSON.parse(Object.values(stored)[0] ?? "{}") as { lastInserted?: string };
    return cursor.lastInserted;
  } catch {
    return undefined;
  }
}

/** The real systems that environment variables name instead of the embedded ones. */
function realSystems(): { baseUrl: string | undefined; dxlConfig: string | undefined; siemHost: string | undefined } {
  const has = (name: string) => (process.env[name] ?? "") !== "";
  for (const [first, ...others] of [["CODE42_BASE_URL", "CODE42_CLIENT_ID", "CODE42_CLIENT_SECRET"], ["SIEM_HOST", "SIEM_PORT"]] as const) {
    const missing = others.filter((name) => has(first) && !has(name));
    if (missing.length > 0) throw new Error(`${first} is set: set ${missing.join(" and ")} too`);
  }
  const valueOf = (name: string) => (has(name) ? process.env[name] : undefined);
  return { baseUrl: valueOf("CODE42_BASE_URL"), dxlConfig: valueOf("DXL_CONFIG_FILE"), siemHost: valueOf("SIEM_HOST") };
}

async function main(): Promise<void> {
  const flag = { type: "boolean", default: false } as const;
  const { values: options } = parseArgs({ options: { events: { type: "string" }, "headless-until-idle": flag, cluster: flag, kill: flag } });
  const events = options.events === undefined ? undefined : Number(options.events);
  if (events !== undefined && !(Number.isInteger(events) && events > 0)) throw new Error("--events takes a number of events, such as 100000");
  const { "headless-until-idle": headless, cluster, kill } = options;
  if (kill && !cluster) throw new Error("--kill kills the active one of several: use it with --cluster");
  const { baseUrl, dxlConfig, siemHost } = realSystems();
  if ((headless || cluster) && (baseUrl ?? dxlConfig ?? siemHost) !== undefined) {
    throw new Error("--headless-until-idle and --cluster count what the embedded tenant and SIEM have: unset CODE42_BASE_URL, DXL_CONFIG_FILE and SIEM_HOST");
  }
  ensureBuilt();
  const port = Number(process.env["PORT"] ?? 1880);
  if (cluster) return startCluster({ folder: join(DEMO, "cluster"), events, headless, kill, port });

  const demo = await loadOrMakeDemo(DEMO, events);
  const arrivals = new Arrivals(demo.events);
  // With a real source there is no embedded one, so that invented events never mix with real ones.
  const embedded = (baseUrl ?? dxlConfig) === undefined;
  const tenant = embedded ? await embeddedTenant(DEMO, demo, !headless) : undefined;
  // Only after the tenant has started: if another demo is running, its port is in use, and its files must stay.
  if (demo.isNew) saveNewDemo(DEMO, demo, "context");
  const siem = siemHost === undefined ? await embeddedSiem(DEMO, demo, arrivals) : undefined;
  const fabric = embedded ? await embeddedFabric(demo.sinceMs, !headless) : undefined;
  // A cursor belongs to one tenant, so real sources get a user directory of their own.
  const names = [baseUrl?.replace(/^https?:\/\//, "").replace(/[^\w.-]/g, "_"), dxlConfig === undefined ? undefined : "dxl"];
  const userDir = embedded ? DEMO : join(DEMO, names.filter((name) => name !== undefined).join("-"));
  const isNew = !existsSync(join(userDir, "flows.json"));
  const sources = [...(embedded || baseUrl !== undefined ? ["code42-query"] : []), ...(embedded || dxlConfig !== undefined ? ["dxl-threat-event"] : [])];
  const flow = demoFlow(sources, embedded);
  const sent: Record<string, number> = {};
  const sentBy = (type: string) => flow.filter((node) => node.type === type).reduce((sum, node) => sum + (sent[node.id] ?? 0), 0);

  mkdirSync(userDir, { recursive: true });
  const log = createWriteStream(join(userDir, "node-red.log"));
  const nodeRed = await startNodeRed({
    userDir,
    modules: modulesWithDashboard(userDir, root),
    dashboard: true,
    ...(isNew ? { flows: flow } : {}),
    contextStorage: durableStore,
    port,
    env: {
      ...(tenant === undefined ? {} : { CODE42_BASE_URL: tenant.url, CODE42_CLIENT_ID: tenant.clientId, CODE42_CLIENT_SECRET: tenant.clientSecret }),
      ...(fabric === undefined ? {} : { DXL_CONFIG_FILE: fabric.configFile }),
      ...(dxlConfig === undefined ? {} : { DXL_CONFIG_FILE: resolve(dxlConfig) }),
      ...(siem === undefined ? {} : { SIEM_HOST: "127.0.0.1", SIEM_PORT: String(siem.port) }),
    },
    onSent: (counts) => void Object.assign(sent, counts),
    onLine: (line) => {
      log.write(`${line}\n`);
      if (/\[(error|warn)\] \[/.test(line)) console.error(line);
    },
  });
  let stopping = false;
  const stop = async (code: number) => {
    if (stopping) return;
    stopping = true;
    await nodeRed.stop();
    await siem?.close();
    await fabric?.close();
    await tenant?.close();
    log.end();
    process.exitCode = code;
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop(0));
  void nodeRed.exited.then(({ code, signal }) => {
    if (stopping) return;
    console.error(`Node-RED ended (${signal ?? `exit code ${code}`}); its log is ${join(userDir, "node-red.log")}`);
    void stop(1);
  });
  console.log(`Dashboard: ${nodeRed.url}/dashboard`);
  console.log(`Editor: ${nodeRed.url}/`);
  console.log(`Events from ${embedded ? "the embedded tenant and DXL fabric" : [baseUrl, dxlConfig].filter((name) => name !== undefined).join(" and ")}, to ${siem === undefined ? siemHost : `the embedded SIEM, which writes ${siemLog(DEMO)}`}. Ctrl-C stops.`);

  const delivered = () => siem?.received ?? sentBy("syslog-out");
  const progress = () => {
    const backlog = siem === undefined || tenant === undefined ? "" : ` (backlog ${figure(arrivals.backlog)} of ${figure(demo.events)}${arrivals.repeated === 0 ? "" : `, ${figure(arrivals.repeated)} repeated`})`;
    const parts = [
      ...(sources.includes("code42-query") ? [`read ${figure(sentBy("code42-query"))} events`] : []),
      ...(sources.includes("dxl-threat-event") ? [`received ${figure(sentBy("dxl-threat-event"))} threat events`] : []),
      `delivered ${figure(delivered())} lines${backlog}`,
      ...(sources.includes("code42-query") ? [`cursor ${cursorInstant(userDir) ?? "not set yet"}`] : []),
    ];
    console.log(`${new Date().toTimeString().slice(0, 8)}  ${parts.join(", ")}`);
  };
  let nextProgress = Date.now();
  while (!stopping) {
    if (Date.now() >= nextProgress) {
      progress();
      nextProgress = Date.now() + PROGRESS_MS;
    }
    if (headless && (arrivals.backlog >= demo.events || Date.now() - arrivals.lastMs > STALL_MS)) await stop(0);
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
  progress();
  if (headless) {
    console.log(`delivered ${arrivals.backlog} of ${demo.events}`);
    if (arrivals.backlog < demo.events || (siem?.illegal ?? 0) > 0) process.exitCode = 1;
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
