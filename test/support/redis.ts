/** Debian's redis-server on a free port. It writes every change to its append-only file before it acknowledges it. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { root } from "../../scripts/built";
import { freePort } from "./free-port";

export class RedisServer {
  private readonly folder = mkdtempSync(join(tmpdir(), "redis-"));
  private process: ChildProcess | undefined;

  private constructor(readonly port: number) {}

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  /** Starts the server, or starts it again with its data. */
  async start(): Promise<void> {
    this.process = spawn("redis-server", [
      "--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
    ], { stdio: "ignore" });
    await this.ask(async (redis) => redis.ping());
  }

  async kill(): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** All its data: scope → key → text. */
  content(): Promise<Record<string, Record<string, string>>> {
    return this.ask(async (redis) => Object.fromEntries(await Promise.all((await redis.keys("*")).map(async (scope) => [scope, await redis.hgetall(scope)] as const))));
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Code for settings.js that adds this server as the context store `name`. */
  asStore(name: string): string {
    return `module.exports.contextStorage[${JSON.stringify(name)}] = `
      + `{ module: require(${JSON.stringify(join(root, "test/support/redis-context.cjs"))}), config: { port: ${this.port} } };`;
  }

  private async ask<Answer>(question: (redis: Redis) => Promise<Answer>): Promise<Answer> {
    const redis = new Redis({ host: "127.0.0.1", port: this.port, retryStrategy: () => 50, maxRetriesPerRequest: 200 });
    redis.on("error", () => undefined);
    try {
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  }
}
