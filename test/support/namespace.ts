/**
 * A network namespace without a name: it exists as long as a process runs in it, so nothing is left behind when the test
 * is killed. Needs root, util-linux and iproute2.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { readlinkSync } from "node:fs";
import { until } from "./until";

export class Namespace {
  private constructor(private readonly holder: ChildProcess) {}

  /** Makes a namespace with nothing but its loopback. */
  static async make(): Promise<Namespace> {
    // `cat` ends with this process, because its input does.
    const holder = spawn("unshare", ["--net", "cat"], { stdio: ["pipe", "ignore", "pipe"] });
    let log = "";
    holder.stderr.on("data", (data) => { log += String(data); });
    holder.on("error", (error) => { log += error.message; });
    const network = (pid: number | string) => readlinkSync(`/proc/${pid}/ns/net`);
    const namespace = new Namespace(holder);
    await until(() => log !== "" || holder.pid !== undefined && network(holder.pid) !== network("self"), "there is another namespace");
    if (log !== "") throw new Error(`no network namespace can be made: ${log}`);
    namespace.run("ip", "link", "set", "lo", "up");
    return namespace;
  }

  /** The start of a command line that runs a program in the namespace. The program gets the same process id and ends with this process. */
  get launcher(): string[] {
    return ["nsenter", `--net=/proc/${this.holder.pid}/ns/net`, "setpriv", "--pdeathsig", "KILL"];
  }

  /** For `ip link set ... netns`. */
  get pid(): number {
    return this.holder.pid ?? -1;
  }

  /** Runs a program to its end and returns what it printed. */
  run(...command: readonly string[]): string {
    const [program = "", ...args] = [...this.launcher, ...command];
    return execFileSync(program, args, { encoding: "utf8" });
  }

  remove(): void {
    this.holder.kill();
  }
}
