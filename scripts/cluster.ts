/**
 * `npm start -- --cluster [--kill]`: two Node-REDs with the same flow, which share one cursor and one stream in NATS, with the
 * embedded tenant and SIEM. nats-server is the one on the PATH. With `--kill`, the instance that polls gets SIGKILL every
 * 20 seconds and is started again.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { status as texts } from "../nodes/locales/en-US/code42-query.json";
import { mainJob } from "../test/support/flows";
import { freePort } from "../test/support/free-port";
import { durableStore, startNodeRed, type FlowNode, type NodeRedProcess } from "../test/support/node-red-process";
import { modulesWithDashboard } from "../test/support/dashboard";
import { root } from "./built";
import { Arrivals, embeddedSiem, embeddedTenant, figure, loadOrMakeDemo, PROGRESS_MS, saveNewDemo, siemLog, STALL_MS } from "./demo";

interface ClusterOptions {
  folder: string;
  events: number | undefined;
  headless: boolean;
  kill: boolean;
  /** The port of the first editor; the second one has the next. */
  port: number;
}

const KILL_EVERY_MS = 20_000;
const NATS_START_MS = 10_000;
const AWAY = `yellow ${texts.away}`;
const INSTALL = "nats-server is not on the PATH. Install it: apt-get install nats-server (Debian, Ubuntu), brew install nats-server (macOS), or unpack a release of https://github.com/nats-io/nats-server/releases";

/** So slow that there is something to watch: an instance reads 400 events a second, and sends 200. */
const SEARCH_MS = 500;
const SLOW_QUERY = { pageSize: "200", pollInterval: "2" };
const SLOW_RECEIVER = { eventsOut: "200" };
const SLOW_SYSLOG = { confirmDelay: "1000" };

function clusterFlow(): FlowNode[] {
  const place = (x: number, y: number) => ({ z: "tab", x, y, name: "", connection: "nats", channel: "siem" });
  const access = { url: "${CODE42_BASE_URL}", clientId: "${CODE42_CLIENT_ID}", clientSecret: "${CODE42_CLIENT_SECRET}" };
  return mainJob(access, [{
    name: "cluster",
    query: { cursorType: "shared", cursor: "cluster", connection: "nats", lease: "5", ...SLOW_QUERY },
    format: { wires: [["out"]] },
    syslog: { host: "${SIEM_HOST}", port: "${SIEM_PORT}", transport: "tcp", ...SLOW_SYSLOG, x: 350, y: 140, wires: [["delivered"]] },
  }], [
    { id: "nats", type: "nats-connection", name: "", servers: "${NATS_SERVERS}", authType: "none" },
    { id: "out", type: "event-stream-out", ...place(550, 60), wires: [[], []] },
    { id: "in", type: "event-stream-in", ...place(150, 140), ...SLOW_RECEIVER, wires: [["syslog-cluster"]] },
    { id: "delivered", type: "debug", ...place(550, 140), name: "delivered", active: false, wires: [] },
  ]);
}

/** Starts nats-server with its data in `folder`. It keeps its port, so that it cannot run twice on the same data. */
async function startNats(folder: string): Promise<{ nats: ChildProcess; address: string }> {
  const config = join(folder, "nats.conf");
  const known = existsSync(config) ? /^listen: "127\.0\.0\.1:(\d+)"$/m.exec(readFileSync(config, "utf8"))?.[1] : undefined;
  const address = `127.0.0.1:${known ?? await freePort()}`;
  writeFileSync(config, `listen: "${address}"\njetstream { store_dir: "${join(folder, "nats")}" }\n`);
  // Its own process group, so that Ctrl-C reaches only this process, which stops everything in order.
  const server = spawn("nats-server", ["-c", config], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const log = createWriteStream(join(folder, "nats.log"));
  server.stderr.pipe(log);
  await new Promise<void>((resolve, reject) => {
    const failed = () => reject(new Error(`nats-server did not start; its log is ${join(folder, "nats.log")}`));
    const timer = setTimeout(failed, NATS_START_MS);
    server.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? new Error(INSTALL) : error));
    server.once("exit", failed);
    server.stderr.on("data", (text) => {
      if (!String(text).includes("Server is ready")) return;
      clearTimeout(timer);
      server.off("exit", failed);
      resolve();
    });
  });
  return { nats: server, address };
}

class Instance {
  nodeRed: NodeRedProcess | undefined;
  private status = "";
  private linesBefore = 0;
  private linesSent = 0;
  private readonly userDir: string;

  constructor(readonly name: string, folder: string, private readonly port: number, private readonly env: Record<string, string>) {
    this.userDir = join(folder, name);
  }

  /** Lines that its syslog-out has delivered, also before it was killed. */
  get lines(): number {
    return this.linesBefore + this.linesSent;
  }

  /** True for any other status than standby, failed and "NATS away". */
  get polls(): boolean {
    return this.nodeRed !== undefined && !/^(?:$|grey |red )/.test(this.status) && this.status !== AWAY;
  }

  async start(): Promise<NodeRedProcess> {
    mkdirSync(this.userDir, { recursive: true });
    const log = createWriteStream(join(this.userDir, "node-red.log"), { flags: "a" });
    const nodeRed = await startNodeRed({
      userDir: this.userDir, modules: modulesWithDashboard(this.userDir, root), port: this.port, contextStorage: durableStore, env: this.env,
      ...(existsSync(join(this.userDir, "flows.json")) ? {} : { flows: clusterFlow() }),
      onStatus: ({ id, status: { fill = "", text = "" } }) => {
        if (id === "query-cluster") this.status = `${fill} ${text}`;
      },
      onSent: (counts) => { this.linesSent = counts["syslog-cluster"] ?? 0; },
      onLine: (line) => {
        log.write(`${line}\n`);
        if (/\[(error|warn)\] \[/.test(line)) console.error(`${this.name}: ${line}`);
      },
    });
    void nodeRed.exited.then(() => log.end());
    this.nodeRed = nodeRed;
    return nodeRed;
  }

  async kill(): Promise<void> {
    const { nodeRed } = this;
    this.nodeRed = undefined;
    nodeRed?.kill("SIGKILL");
    await nodeRed?.exited;
    this.linesBefore = this.lines;
    this.linesSent = 0;
    this.status = "";
  }
}

export async function startCluster({ folder, events, headless, kill, port }: ClusterOptions): Promise<void> {
  const demo = await loadOrMakeDemo(folder, events);
  const arrivals = new Arrivals(demo.events);
  const tenant = await embeddedTenant(folder, demo, !headless, { searchMs: SEARCH_MS, requestsPerMinute: 1_000_000 });
  // Only after the tenant has started: if another demo is running, its port is in use, and its files must stay.
  if (demo.isNew) saveNewDemo(folder, demo, "nats");
  const siem = await embeddedSiem(folder, demo, arrivals);
  const { nats, address } = await startNats(folder);
  const env = {
    CODE42_BASE_URL: tenant.url, CODE42_CLIENT_ID: tenant.clientId, CODE42_CLIENT_SECRET: tenant.clientSecret,
    SIEM_HOST: "127.0.0.1", SIEM_PORT: String(siem.port), NATS_SERVERS: address,
  };
  const instances = ["a", "b"].map((name, index) => new Instance(name, folder, port + index, env));
  let stopping = false;
  let restart = Promise.resolve();
  const stop = async (code: number) => {
    if (stopping) return;
    stopping = true;
    await restart;
    await Promise.all(instances.map(async ({ nodeRed }) => nodeRed?.stop()));
    nats.kill("SIGTERM");
    await siem.close();
    await tenant.close();
    process.exitCode = code;
  };
  const ended = (what: string, log: string) => {
    if (stopping) return;
    console.error(`${what} ended; its log is ${join(folder, log)}`);
    void stop(1);
  };
  const start = async (instance: Instance) => {
    const nodeRed = await instance.start();
    void nodeRed.exited.then(() => {
      if (instance.nodeRed === nodeRed) ended(`Node-RED ${instance.name}`, join(instance.name, "node-red.log"));
    });
  };
  const time = () => new Date().toTimeString().slice(0, 8);
  const killActive = async () => {
    const active = instances.find(({ polls }) => polls);
    if (active === undefined) return;
    console.log(`${time()}  kill -9: ${active.name}`);
    await active.kill();
    await start(active);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop(0));
  nats.once("exit", () => ended("nats-server", "nats.log"));
  try {
    await Promise.all(instances.map(start));
  } catch (error) {
    await stop(1);
    throw error;
  }
  for (const { name, nodeRed } of instances) console.log(`Editor of ${name}: ${nodeRed?.url}/`);
  console.log(`Events from the embedded tenant, to the embedded SIEM, which writes ${siemLog(folder)}; NATS at ${address}. Ctrl-C stops.`);

  const progress = () => {
    const active = instances.filter(({ polls }) => polls).map(({ name }) => name);
    const parts = [
      active.length === 0 ? "nobody polls" : `${active.join(" and ")} polls`,
      `lines ${instances.map(({ name, lines }) => `${name} ${figure(lines)}`).join(", ")}`,
      `arrived ${figure(arrivals.backlog)} of ${figure(demo.events)}, missing ${figure(demo.events - arrivals.backlog)}, repeated ${figure(arrivals.repeated)}`,
    ];
    console.log(`${time()}  ${parts.join("; ")}`);
  };
  let nextProgress = Date.now();
  let nextKill = Date.now() + KILL_EVERY_MS;
  while (!stopping) {
    if (Date.now() >= nextProgress) {
      progress();
      nextProgress = Date.now() + PROGRESS_MS;
    }
    if (kill && Date.now() >= nextKill) {
      nextKill = Date.now() + KILL_EVERY_MS;
      restart = killActive().catch((error: unknown) => {
        console.error(error);
        void stop(1);
      });
    }
    if (headless && (arrivals.backlog >= demo.events || Date.now() - arrivals.lastMs > STALL_MS)) await stop(0);
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
  progress();
  if (headless) {
    console.log(`delivered ${arrivals.backlog} of ${demo.events}`);
    if (arrivals.backlog < demo.events || siem.illegal > 0) process.exitCode = 1;
  }
}
