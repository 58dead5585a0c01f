/** The process of a real syslog server, which writes each message as one line of JSON. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One message as the server parsed it. */
export interface Received {
  /** The message as received, without framing. */
  raw: string;
  host: string;
  /** Facility * 8 + severity. */
  pri: string;
  /** The time of the header as the server read it, RFC 3339; of rsyslog only. */
  time?: string;
  /** The part that remains after the server has parsed the header. */
  message: string;
}

/**
 * Parses a line of the output file. If a killed server has left half an object, the next server continues on the same line,
 * so parsing starts at the last `{"`, which cannot occur inside an object.
 */
export const readReceived = (line: string): Received => JSON.parse(line.slice(line.lastIndexOf('{"'))) as Received;

export interface Command {
  file: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  /** TCP ports that must be open before the server counts as started. */
  tcpPorts: number[];
  udpPort?: number;
}

/**
 * True while a process listens on the port, from the kernel's tables for the network of process `pid`. Connecting to the port
 * would add a client, and binding it could block the server.
 */
function listening(pid: number, protocol: "tcp" | "udp", port: number): boolean {
  const address = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const sockets = [protocol, `${protocol}6`].map((file) => readFileSync(`/proc/${pid}/net/${file}`, "utf8")).join("");
  return sockets.split("\n").some((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return local?.endsWith(address) === true && (protocol === "udp" || state === "0A");
  });
}

/** A server process that a test can kill, freeze and start again with the same ports and the same output file. */
export class SyslogServer {
  readonly folder: string;
  readonly output: string;
  private process: ChildProcess | undefined;
  private log = "";

  /** `launcher` is a program with arguments that starts the server, such as `nsenter`. It must exec the server and not fork it. */
  constructor(name: string, private readonly prepare: (folder: string, output: string) => Command, private readonly launcher: readonly string[] = []) {
    this.folder = mkdtempSync(join(tmpdir(), `${name}-`));
    this.output = join(this.folder, "received.json");
  }

  /** Starts the server. Throws with the server's log if it does not start. */
  async start(): Promise<void> {
    const command = this.prepare(this.folder, this.output);
    const [file = "", ...args] = [...this.launcher, command.file, ...command.args];
    const child = spawn(file, args, { env: { ...process.env, ...command.env }, stdio: ["ignore", "pipe", "pipe"] });
    this.process = child;
    let failure: Error | undefined;
    child.once("error", (error) => { failure = error; });
    child.stdout.on("data", (data) => { this.log += String(data); });
    child.stderr.on("data", (data) => { this.log += String(data); });
    for (let tries = 0; tries < 400; tries++) {
      if (failure !== undefined || child.exitCode !== null) break;
      const open = (protocol: "tcp" | "udp", port: number) => listening(child.pid ?? -1, protocol, port);
      if (command.tcpPorts.every((port) => open("tcp", port)) && (command.udpPort === undefined || open("udp", command.udpPort))) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await this.kill("SIGKILL");
    throw new Error(`${command.file} did not start (run scripts/debian-packages.mjs to install it): ${failure?.message ?? ""}\n${this.log.slice(-2000)}`);
  }

  /** Sends a signal. For SIGKILL and SIGTERM, waits until the process is gone. */
  async kill(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") return;
    await new Promise((resolve) => child.once("exit", resolve));
    this.process = undefined;
  }

  /** Ends the server and removes its files. */
  async stop(): Promise<void> {
    await this.kill("SIGCONT");
    await this.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The messages so far, without a line that is still being written. */
  received(): Received[] {
    if (!existsSync(this.output)) return [];
    const text = readFileSync(this.output, "utf8");
    return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter((line) => line !== "").map(readReceived);
  }

  /** Waits until `count` messages are there, and a moment longer in case there are too many. */
  async waitFor(count: number, timeoutMs = 20_000): Promise<Received[]> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const lines = existsSync(this.output) ? readFileSync(this.output).reduce((sum, byte) => (byte === 10 ? sum + 1 : sum), 0) : 0;
      if (lines >= count) break;
      if (Date.now() > end) throw new Error(`the server has ${lines} of ${count} messages`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    return this.received();
  }
}
