/** Debian's nats-server with JetStream on a free port, unpacked by scripts/debian-packages.mjs. Its data survives `kill` and `start`. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { root } from "../../scripts/built";
import { freePort } from "./free-port";

/** Releases of Debian by the version of their nats-server; 2.9 forgets acknowledgements when it is killed. */
const FOLDERS = { "2.10": "nats-server", "2.9": "nats-server-2.9" } as const;

export interface NatsOptions {
  version?: keyof typeof FOLDERS;
  /** More lines of its configuration: authorization, tls, cluster, limits. */
  settings?: string;
  /** Its whole configuration, which listens on `port`; the options below do not apply. */
  config?: string;
  /** False: a server without JetStream. */
  jetstream?: boolean;
  /** Lines inside `jetstream { }`. */
  jetstreamSettings?: string;
  port?: number;
  /** What the server calls itself; needed in a cluster. */
  name?: string;
  /** How `ask` signs in, where the server asks for it. */
  admin?: NodeConnectionOptions;
  /** False: resolves as soon as the port is open, as a server of a cluster has no JetStream before it found the others. */
  ready?: boolean;
}

export class NatsServer {
  readonly folder = mkdtempSync(join(tmpdir(), "nats-"));
  log = "";
  private process: ChildProcess | undefined;

  constructor(readonly port: number, private readonly options: NatsOptions) {}

  static async start(options: NatsOptions = {}): Promise<NatsServer> {
    const server = new NatsServer(options.port ?? await freePort(), options);
    await server.start();
    return server;
  }

  /** `host:port`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts the server, or starts it again with its data; `settings` replaces the lines of its configuration. */
  async start(settings = this.options.settings ?? ""): Promise<void> {
    const { version = "2.10", ready = true } = this.options;
    const config = this.configure(settings);
    const child = spawn(join(root, ".cache", FOLDERS[version], "usr/sbin/nats-server"), ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
    this.process = child;
    const from = this.log.length;
    let failure: Error | undefined;
    child.once("error", (error) => { failure = error; });
    child.stderr.on("data", (data) => { this.log += String(data); });
    for (let tries = 0; tries < 400 && failure === undefined && child.exitCode === null; tries++) {
      if (this.log.includes(ready ? "Server is ready" : "Listening for client", from)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`nats-server did not start (run scripts/debian-packages.mjs to install it): ${failure?.message ?? ""}\n${this.log.slice(-2000)}`);
  }

  /** Replaces the lines of its configuration while it runs. */
  async reload(settings: string): Promise<void> {
    const from = this.log.length;
    this.configure(settings);
    this.process?.kill("SIGHUP");
    for (let tries = 0; tries < 200; tries++) {
      if (this.log.includes("Reloaded server configuration", from)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`nats-server did not take the new configuration\n${this.log.slice(from)}`);
  }

  private configure(settings: string): string {
    const { jetstream = true, jetstreamSettings = "", name } = this.options;
    const config = join(this.folder, "nats.conf");
    writeFileSync(config, this.options.config ?? `listen: "127.0.0.1:${this.port}"
${name === undefined ? "" : `server_name: ${name}`}
${jetstream ? `jetstream { store_dir: "${join(this.folder, "store")}"\n${jetstreamSettings}\n}` : ""}
${settings}
`);
    return config;
  }

  /** SIGKILL and SIGTERM resolve when the process has ended. */
  async kill(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT" = "SIGKILL"): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks the server as another client. */
  async ask<Answer>(question: (jsm: JetStreamManager, connection: NatsConnection) => Promise<Answer>): Promise<Answer> {
    const connection = await connect({ servers: this.address, reconnect: false, ...this.options.admin });
    try {
      return await question(await jetstreamManager(connection), connection);
    } finally {
      await connection.close();
    }
  }
}
