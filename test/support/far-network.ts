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
    private readonly near: string,
    private readonly middle: Namespace,
    private readonly far: Namespace,
    private readonly way: ChildProcess,
  ) {}

  /** `roundTripMs` is added to the round-trip time of each packet. */
  static async make({ roundTripMs = 0, ipv6 = false } = {}): Promise<FarNetwork> {
    const number = ++networks;
    // 198.18.0.0/15 is for test networks (RFC 2544), fd00::/8 for private ones (RFC 4193).
    const address = (host: number) => (ipv6 ? `fd00:18:${number}::${host}` : `198.18.${number}.${host}`);
    // Without "nodad", an IPv6 address could be used only after a second.
    const more = ipv6 ? ["nodad"] : [];
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
    here("ip", "address", "add", `${address(1)}/${ipv6 ? 64 : 24}`, "dev", near, ...more);
    here("ip", "link", "set", near, "up");
    far.run("ip", "address", "add", `${address(2)}/${ipv6 ? 64 : 24}`, "dev", "far", ...more);
    // Linux removes IPv6 addresses from an interface that is down.
    if (ipv6) for (const [run, name] of [[here, near], [far.run.bind(far), "far"]] as const) run("sh", "-c", `echo 1 > /proc/sys/net/ipv6/conf/${name}/keep_addr_on_down`);
    far.run("ip", "link", "set", "far", "up");
    return new FarNetwork(address(2), near, middle, far, way);
  }

  /** Starts a program at the SIEM's place. */
  get launcher(): string[] {
    return this.far.launcher;
  }

  /** Cuts the way at the SIEM's end, which is silent; or at this end, where the system has no route then. */
  down(end: "far" | "near" = "far"): void {
    if (end === "far") this.far.run("ip", "link", "set", "far", "down");
    else here("ip", "link", "set", this.near, "down");
  }

  up(): void {
    here("ip", "link", "set", this.near, "up");
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
