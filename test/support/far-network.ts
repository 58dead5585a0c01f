/**
 * A network with the SIEM in it, behind a way that a test can cut and make long:
 *
 *     this process, Node-RED | near ── slow-way.py ── far | the SIEM
 *
 * Each of the three has its own network namespace, so a cut is silent: this side only sees that nothing comes back. The
 * interface `near` is made in the namespace of this process, which should therefore have one of its own (see
 * test/chaos/own-network.ts).
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { Namespace } from "./namespace";
import { SyslogServer } from "./syslog-server";

const PYTHON = "/usr/bin/python3";
const PROGRAM = join(__dirname, "slow-way.py");

const here = (...command: readonly string[]) => execFileSync(command[0] as string, command.slice(1), { encoding: "utf8" });

let networks = 0;

export class FarNetwork {
  private constructor(
    /** The SIEM's address. */
    readonly address: string,
    private readonly middle: Namespace,
    private readonly far: Namespace,
    private readonly way: ChildProcess,
  ) {}

  /** `roundTripMs` is added to the round-trip time of each packet. */
  static async make({ roundTripMs = 0 } = {}): Promise<FarNetwork> {
    const number = ++networks;
    // 198.18.0.0/15 is for test networks (RFC 2544).
    const address = (host: number) => `198.18.${number}.${host}`;
    const near = `near${number}`;
    const [middle, far] = [await Namespace.make(), await Namespace.make()];
    here("ip", "link", "add", near, "type", "veth", "peer", "name", "to-near", "netns", String(middle.pid));
    far.run("ip", "link", "add", "far", "type", "veth", "peer", "name", "to-far", "netns", String(middle.pid));
    here(PYTHON, PROGRAM, near);
    far.run(PYTHON, PROGRAM, "far");
    middle.run(PYTHON, PROGRAM, "to-near", "to-far");
    for (const end of ["to-near", "to-far"]) middle.run("ip", "link", "set", end, "up");
    const [program = "", ...args] = [...middle.launcher, PYTHON, PROGRAM, String(roundTripMs / 2000), "to-near", "to-far"];
    const way = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
    here("ip", "address", "add", `${address(1)}/24`, "dev", near);
    here("ip", "link", "set", near, "up");
    far.run("ip", "address", "add", `${address(2)}/24`, "dev", "far");
    far.run("ip", "link", "set", "far", "up");
    return new FarNetwork(address(2), middle, far, way);
  }

  /** Starts a program at the SIEM's place. */
  get launcher(): string[] {
    return this.far.launcher;
  }

  /** Cuts the way at the SIEM's end. */
  down(): void {
    this.far.run("ip", "link", "set", "far", "down");
  }

  up(): void {
    this.far.run("ip", "link", "set", "far", "up");
  }

  /** The SIEM's machine resets all its connections to `port`. Returns how many there were. */
  reset(port: number): number {
    return this.far.run("ss", "--kill", "--no-header", "--tcp", "state", "established", "sport", "=", `:${port}`).split("\n").filter((line) => line !== "").length;
  }

  /** A load balancer without a server, on `port`: it accepts connections, takes what they bring, and ends each after `holdMs`. */
  async startBalancer(port: number, holdMs: number): Promise<SyslogServer> {
    const script = `require("net").createServer((link) => link.on("error", () => 0).resume() && setTimeout(() => link.destroy(), ${holdMs})).listen(${port}, "${this.address}")`;
    const balancer = new SyslogServer("balancer", () => ({ file: process.execPath, args: ["-e", script], tcpPorts: [port] }), this.launcher);
    await balancer.start();
    return balancer;
  }

  remove(): void {
    this.way.kill();
    for (const namespace of [this.middle, this.far]) namespace.remove();
  }
}
