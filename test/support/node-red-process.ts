/**
 * Starts a real Node-RED in its own process, on a free port of 127.0.0.1.
 *
 * `NODE_RED_MODULES` is the `node_modules` folder with Node-RED; by default this project's own. The process ends when its
 * parent process ends, even if the parent was killed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "../../scripts/built";
import { DASHBOARD } from "./dashboard";
import { freePort } from "./free-port";

/** A node in flows.json; `credentials` are written to the credentials file. */
export type FlowNode = { id: string; type: string; credentials?: Record<string, string>; [property: string]: unknown };

export interface NodeStatus {
  id: string;
  status: { fill?: string; shape?: string; text?: string };
}

export interface NodeRedOptions {
  /** The folder for flows, credentials, context and settings. It stays when the process ends. */
  userDir: string;
  /** The folder to use as the user directory's `node_modules` (see `packedPackage`). */
  modules: string;
  /** Written to the user directory before the start; by default the flows that are already there run. */
  flows?: readonly FlowNode[];
  /** Node-RED's `contextStorage` setting. */
  contextStorage?: Record<string, unknown>;
  /** Further settings for settings.js; JSON values only. */
  settings?: Record<string, unknown>;
  /** JavaScript for the end of settings.js, for settings that JSON cannot express. */
  settingsScript?: string;
  /** Another Node-RED, and the Node.js to run it on (see scripts/second-runtime.mjs). */
  runtime?: { node: string; modules: string };
  /** Load the dashboard, which is a development dependency of this project. */
  dashboard?: boolean;
  /** A program with arguments that starts Node-RED, such as `unshare`. It must exec Node-RED and not fork it. */
  launcher?: readonly string[];
  env?: Record<string, string>;
  /** A free port by default. */
  port?: number;
  onStatus?: (status: NodeStatus) => void;
  /** Called twice a second with the number of values that each node has sent so far, by node id. A page counts as all its events. */
  onSent?: (counts: Record<string, number>) => void;
  /** Called with each line that Node-RED prints. */
  onLine?: (line: string) => void;
  /** Time limit for the start, ms (60,000). */
  startTimeoutMs?: number;
}

export interface NodeRedProcess {
  readonly pid: number;
  readonly port: number;
  /** The editor's address, without a trailing slash. */
  readonly url: string;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Node-RED's output so far; only the last megabyte. */
  log(): string;
  /** Deploys `flows` through the admin API and resolves when they run. */
  deploy(flows: readonly FlowNode[], type?: "full" | "nodes" | "flows" | "reload"): Promise<void>;
  /** Sends a request to the admin API. Throws on a status other than 2xx. */
  admin(path: string, init?: RequestInit): Promise<Response>;
  kill(signal: NodeJS.Signals): void;
  /** Sends SIGTERM, and SIGKILL if the process has not ended after 20 s. */
  stop(): Promise<void>;
}

/** The context stores of production: `durable` writes to disk before a commit returns; the default store is in memory. */
export const durableStore = {
  default: "memory",
  memory: { module: "memory" },
  durable: { module: "localfilesystem", config: { cache: false } },
};

/** A `require` for Node-RED's modules. */
export const nodeRedRequire = createRequire(join(process.env["NODE_RED_MODULES"] ?? join(root, "node_modules"), "index.js"));

const STARTED = /Started (modified )?(flows|nodes)/g;
const startsIn = (log: string) => log.match(STARTED)?.length ?? 0;

/** Code in settings.js that sends node statuses to the parent process and ends Node-RED when the parent is gone. */
const CHILD_SCRIPT = `
if (process.send) {
  const { events } = require.main.require("@node-red/util");
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  events.on("node-status", (status) => process.connected && process.send({ status }, () => undefined));
}
`;

/** Code in settings.js that counts what nodes send. Used only on request, because the hook runs for every message. */
const COUNTING_SCRIPT = `
if (process.send) {
  const { hooks } = require.main.require("@node-red/util");
  const sent = {};
  let changed = false;
  hooks.add("onSend.progress", (sends) => {
    for (const { source, msg } of sends) {
      if (msg.topic === "security-events/stats") continue;
      sent[source.id] = (sent[source.id] || 0) + (Array.isArray(msg.payload) ? msg.payload.length : 1);
    }
    changed = true;
  });
  setInterval(() => {
    if (changed && process.connected) process.send({ sent }, () => undefined);
    changed = false;
  }, 500).unref();
}
`;

function prepare(options: NodeRedOptions, port: number): string {
  const { userDir } = options;
  const settings = {
    uiHost: "127.0.0.1",
    uiPort: port,
    flowFile: "flows.json",
    credentialSecret: false,
    lang: "en-US",
    telemetry: { enabled: false, updateNotification: false },
    editorTheme: { tours: false },
    // Node-RED also loads packages beside itself. That would include the dashboard, which users have only if they install it.
    ...(options.dashboard === true ? {} : { nodesExcludes: [basename(DASHBOARD)] }),
    ...(options.contextStorage === undefined ? {} : { contextStorage: options.contextStorage }),
    ...options.settings,
  };
  mkdirSync(userDir, { recursive: true });
  const modules = join(userDir, "node_modules");
  if (!existsSync(modules)) symlinkSync(options.modules, modules);
  const file = join(userDir, "settings.js");
  const script = options.onSent === undefined ? CHILD_SCRIPT : CHILD_SCRIPT + COUNTING_SCRIPT;
  writeFileSync(file, `${script.trimStart()}\nmodule.exports = ${JSON.stringify(settings, null, 2)};\n${options.settingsScript ?? ""}\n`);
  if (options.flows !== undefined) {
    const credentials = options.flows.filter((node) => node.credentials !== undefined).map((node) => [node.id, node.credentials] as const);
    writeFileSync(join(userDir, "flows.json"), JSON.stringify(options.flows.map((node) => ({ ...node, credentials: undefined })), null, 2));
    writeFileSync(join(userDir, "flows_cred.json"), JSON.stringify(Object.fromEntries(credentials)));
  }
  return file;
}

/** Starts Node-RED. Resolves when its flows run and the editor answers; otherwise throws with the log. */
export async function startNodeRed(options: NodeRedOptions): Promise<NodeRedProcess> {
  const port = options.port ?? await freePort();
  const settings = prepare(options, port);
  // Its own process group (`detached`), so that Ctrl-C in a terminal reaches only the parent, which then stops everything in order.
  const { node, resolve } = options.runtime === undefined ? { node: process.execPath, resolve: nodeRedRequire.resolve } : { node: options.runtime.node, resolve: createRequire(join(options.runtime.modules, "index.js")).resolve };
  const command = [...(options.launcher ?? []), node, resolve("node-red/red.js"), "--userDir", options.userDir, "--settings", settings];
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: options.userDir,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  let log = "";
  let changed = (): void => undefined;
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      log = `${log}${line}\n`.slice(-1_000_000);
      options.onLine?.(line);
      changed();
    });
  }
  // A node that is removed has a status no more.
  child.on("message", (message: { status?: Pick<NodeStatus, "id"> & Partial<NodeStatus>; sent?: Record<string, number> }) => {
    if (message.status !== undefined) options.onStatus?.({ ...message.status, status: message.status.status ?? {} });
    if (message.sent !== undefined) options.onSent?.(message.sent);
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => {
      resolve({ code, signal });
      changed();
    });
  });
  const running = () => child.exitCode === null && child.signalCode === null;

  const logged = (ready: () => boolean, what: string) => new Promise<void>((resolve, reject) => {
    const end = (error?: Error) => {
      clearTimeout(timer);
      changed = () => undefined;
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error(`Node-RED did not ${what} in time:\n${log}`)), options.startTimeoutMs ?? 60_000);
    changed = () => {
      if (ready()) end();
      else if (!running()) end(new Error(`Node-RED ended and did not ${what}:\n${log}`));
    };
    changed();
  });

  const url = `http://127.0.0.1:${port}`;
  const admin = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${url}${path}`, init);
    if (!response.ok) throw new Error(`${init?.method ?? "GET"} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const nodeRed: NodeRedProcess = {
    pid: child.pid ?? -1,
    port,
    url,
    exited,
    log: () => log,
    admin,
    async deploy(flows, type = "full") {
      const before = startsIn(log);
      await admin("/flows", {
        method: "POST",
        headers: { "content-type": "application/json", "node-red-api-version": "v2", "node-red-deployment-type": type },
        body: JSON.stringify({ flows }),
      });
      await logged(() => startsIn(log) > before, "start the flows");
    },
    kill: (signal) => void child.kill(signal),
    async stop() {
      if (!running()) return;
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await exited;
      clearTimeout(force);
    },
  };
  try {
    await logged(() => startsIn(log) > 0 && log.includes("Server now running at"), "start");
  } catch (error) {
    await nodeRed.stop();
    throw error;
  }
  return nodeRed;
}
