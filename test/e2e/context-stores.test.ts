/** The context store of the cursor: kill -9 with each kind of store, a store that dies, and a node that moves. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSiem } from "../../src/simulator/siem";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { mainJob } from "../support/flows";
import { Journey } from "../support/journey";
import { startNodeRed } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { RedisServer } from "../support/redis";
import { until } from "../support/until";

const EVENTS = 3000;
const PAGE = 100;
const PAGES_OUT = 2;

describe("context stores", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await RedisServer.start();
  });
  afterEach(() => redis.remove());

  it("lose no event in a kill -9, repeat those that they forget, and cause a warning if that can be many", async () => {
    const folder = mkdtempSync(join(tmpdir(), "siem-stores-"));
    const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000 });
    tenant.preload({ count: EVENTS, startMs: Date.now() - 48 * 3_600_000 });
    const stores: [store: string, mostRepeated: number, warning: RegExp | undefined][] = [
      ["memory", EVENTS, /context store "memory"/],
      ["cached", EVENTS, /context store "cached"/],
      ["durable", PAGES_OUT * PAGE, undefined],
      ["redis", PAGES_OUT * PAGE, undefined],
    ];
    const siems = await Promise.all(stores.map(() => startSiem()));
    const options = {
      userDir: join(folder, "user"),
      modules: packedPackage().modules,
      contextStorage: {
        default: "memory", memory: { module: "memory" }, cached: { module: "localfilesystem", config: { dir: join(folder, "cached") } },
        durable: { module: "localfilesystem", config: { cache: false } },
      },
      settingsScript: redis.asStore("redis"),
      flows: mainJob(tenant, stores.map(([store], index) => ({
        name: store,
        query: { cursor: `#:(${store})::cursor_${store}`, pageSize: String(PAGE), pagesOut: String(PAGES_OUT) },
        syslog: { host: "127.0.0.1", port: String(siems[index]?.port), transport: "tcp", confirmDelay: "100" },
      }))),
    };
    try {
      const nodeRed = await startNodeRed(options);
      await until(() => siems.every(({ received }) => received >= 5 * PAGE), "some pages are delivered everywhere", 60_000);
      nodeRed.kill("SIGKILL");
      await nodeRed.exited;
      assert.ok(siems.every(({ ids }) => ids.size < EVENTS), "the kill came too late: everything was delivered");
      const again = await startNodeRed(options);
      await until(() => siems.every(({ ids }) => ids.size === EVENTS), "all events arrived everywhere", 60_000);
      for (const [index, [store, mostRepeated, warning]] of stores.entries()) {
        const { duplicates = 0, illegal } = siems[index] ?? {};
        assert.ok(duplicates <= mostRepeated, `${store} repeated ${duplicates}`);
        assert.equal(illegal, 0);
        const warned = again.log().split("\n").filter((line) => line.includes(`[code42-query:${store}]`) && line.includes("context store"));
        if (warning === undefined) assert.deepEqual(warned, []);
        else assert.match(warned.join("\n"), warning);
      }
      assert.ok((siems[0]?.duplicates ?? 0) >= 4 * PAGE, "the memory store forgot nothing");
      await again.stop();
    } finally {
      for (const siem of siems) await siem.close();
      await tenant.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("that die turn the query red and stop reading, no event is lost when they are back, and they only ever hold strings", async () => {
    const journey = await Journey.prepare({ query: { pageSize: String(PAGE), pagesOut: String(PAGES_OUT) }, nodeRed: { settingsScript: redis.asStore("durable") } });
    try {
      const nodeRed = await journey.start();
      journey.addEvents(300);
      await journey.waitForAll();
      await redis.kill();
      journey.addEvents(2000);
      await until(() => journey.status.get("query-job")?.startsWith("red") ?? false, "the query shows it", 30_000);
      assert.ok(journey.siem.received <= 300 + (PAGES_OUT + 1) * PAGE, `${journey.siem.received} were sent on`);
      await redis.start();
      await journey.waitForAll();
      await nodeRed.stop();
      journey.assertDelivered(0);
      const values = Object.values(await redis.content()).flatMap((scope) => Object.values(scope));
      assert.ok(values.length > 0);
      for (const value of values) assert.equal(typeof JSON.parse(value), "string", value.slice(0, 100));
    } finally {
      await journey.remove();
    }
  });

  it("keep a global cursor when its node moves to another tab", async () => {
    const journey = await Journey.prepare();
    try {
      const nodeRed = await journey.start();
      journey.addEvents(500);
      await journey.waitForAll();
      const moved = journey.flows().map((node) => (node["z"] === "tab" ? { ...node, z: "elsewhere" } : node));
      await nodeRed.deploy([{ id: "elsewhere", type: "tab", label: "elsewhere" }, ...moved], "nodes");
      journey.addEvents(500);
      await journey.waitForAll();
      await nodeRed.stop();
      journey.assertDelivered(0);
    } finally {
      await journey.remove();
    }
  });
});
