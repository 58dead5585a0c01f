/** Debian's mosquitto on loopback: MQTT over TLS with client certificates, the same over WebSockets, and plain MQTT for the test to publish. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import type { Certificate } from "./certs";
import { freePort } from "./free-port";

export interface MosquittoOptions {
  /** The CA of the clients that it accepts. */
  ca: string;
  server: Certificate;
  /** Offers WebSockets too, which slows the whole broker down. */
  webSockets?: boolean;
  /** Lines of its access list (`acl_file`); without them everything is allowed. */
  access?: readonly string[];
  /** Lines of its configuration that replace the ones for complete logs. */
  settings?: readonly string[];
}

export class Mosquitto {
  private readonly folder = mkdtempSync(join(tmpdir(), "mosquitto-"));
  private process: ChildProcess | undefined;
  private publisher: MqttClient | undefined;
  private log = "";
  private logRead = 0;
  private readonly webSockets: boolean;

  private constructor(readonly port: number, readonly plainPort: number, readonly webSocketPort: number, options: MosquittoOptions) {
    this.webSockets = options.webSockets ?? false;
    const access = join(this.folder, "access");
    writeFileSync(access, (options.access ?? ["topic readwrite #"]).join("\n"));
    const secure = `cafile ${options.ca}\ncertfile ${options.server.cert}\nkeyfile ${options.server.key}\nrequire_certificate true`;
    writeFileSync(this.config, `
user root
persistence false
${(options.settings ?? ["log_type all"]).join("\n")}
log_dest stderr
allow_anonymous true
acl_file ${access}
listener ${plainPort} 127.0.0.1
listener ${port} 127.0.0.1
${secure}
${this.webSockets ? `listener ${webSocketPort} 127.0.0.1\nprotocol websockets\n${secure}\n` : ""}`);
  }

  private get config(): string {
    return join(this.folder, "mosquitto.conf");
  }

  static async start(options: MosquittoOptions): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort(), await freePort(), await freePort(), options);
    await broker.start();
    return broker;
  }

  /** Starts the broker, or starts it again on the same ports. Throws with the broker's log if it does not start. */
  async start(): Promise<void> {
    const child = spawn("/usr/sbin/mosquitto", ["-c", this.config], { stdio: ["ignore", "ignore", "pipe"] });
    this.process = child;
    let failure: Error | undefined;
    child.once("error", (error) => { failure = error; });
    child.stderr.on("data", (data) => { this.log += String(data); });
    for (let tries = 0; tries < 200 && failure === undefined && child.exitCode === null; tries++) {
      if (await answers(this.plainPort) && (!this.webSockets || await answers(this.webSocketPort))) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`mosquitto did not start (run scripts/debian-packages.mjs to install it): ${failure?.message ?? ""}\n${this.log.slice(-2000)}`);
  }

  /** Publishes as another client, over the plain port. */
  async publish(topic: string, payload: string | Buffer): Promise<void> {
    this.publisher ??= await connectAsync({ protocol: "mqtt", host: "127.0.0.1", port: this.plainPort, reconnectPeriod: 0 });
    await this.publisher.publishAsync(topic, payload);
  }

  /** The log since the last call. */
  logged(): string {
    const text = this.log.slice(this.logRead);
    this.logRead = this.log.length;
    return text;
  }

  async kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (signal === "SIGKILL") {
      await this.publisher?.endAsync(true);
      this.publisher = undefined;
    }
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    if (signal === "SIGKILL") await gone;
  }

  /** Ends the broker and removes its files. */
  async stop(): Promise<void> {
    await this.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const answers = (port: number) => new Promise<boolean>((resolve) => {
  const socket = connectTcp({ host: "127.0.0.1", port }, () => {
    socket.destroy();
    resolve(true);
  });
  socket.on("error", () => resolve(false));
});
