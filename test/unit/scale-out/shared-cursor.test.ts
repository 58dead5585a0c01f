/** The shared cursor over a real nats-server. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { Kvm, type KV } from "@nats-io/kv";
import { systemClock } from "../../../src/common/clock";
import type { SiemError } from "../../../src/common/errors";
import { Cursor } from "../../../src/cursor/cursor";
import { KeyColumn } from "../../../src/cursor/keys";
import { bucketKey } from "../../../src/scale-out/bucket";
import { NatsLink, type Session } from "../../../src/scale-out/link";
import { readSettings } from "../../../src/scale-out/settings";
import { SharedCursor } from "../../../src/scale-out/shared-cursor";
import { NatsServer } from "../../support/nats";
import { until } from "../../support/until";

const code = (error: unknown) => (error as SiemError).code;
const failure = (work: Promise<unknown>) => work.then(() => "none", code);
const OWNER = { stream: "file-events", base: "https://tenant" };

describe("a shared cursor", () => {
  let server: NatsServer;
  const links: (() => void)[] = [];
  let keys = 0;
  let key: string;

  before(async () => {
    server = await NatsServer.start();
  });
  after(() => server.remove());
  beforeEach(() => {
    key = `cursor_${++keys}`;
  });
  afterEach(() => {
    for (const stop of links.splice(0)) stop();
  });

  async function connect(to = server): Promise<NatsLink> {
    const settings = readSettings({ servers: [to.address], authType: "none" }, {}, undefined);
    const link = new NatsLink(settings, { clock: systemClock, random: Math.random, systemHostname: "host", outage: () => undefined, warn: () => undefined });
    links.push(link.use(() => undefined));
    await until(() => link.session !== undefined, "NATS is connected");
    return link;
  }
  const cursors = async (count: number, to = server) => Promise.all(Array.from({ length: count }, async () => new SharedCursor(await connect(to), key)));
  const inBucket = <Answer>(work: (kv: KV) => Promise<Answer>, to = server) => to.ask(async (_jsm, connection) => work(await new Kvm(connection).open("security-events")));
  const stored = () => inBucket(async (kv) => inflateSync((await kv.get(bucketKey("cursor", key)))!.value).toString());

  it("is the text that the context stores, deflated, under a key that NATS takes", async () => {
    key = "code42_file_events";
    const [first] = await cursors(1);
    assert.equal(await first!.read(), undefined);
    await first!.commit(undefined, "{\"v\":1}");
    assert.equal(await inBucket(async (kv) => inflateSync((await kv.get("cursor.Y29kZTQyX2ZpbGVfZXZlbnRz"))!.value).toString()), "{\"v\":1}");
    await inBucket((kv) => kv.put("cursor.Y29kZTQyX2ZpbGVfZXZlbnRz", deflateSync("{\"v\":1,\"copied\":true}")));
    assert.deepEqual(JSON.parse((await first!.read())!), { v: 1, copied: true });
  });

  it("can be committed by the instance that read it last, and by no other", async () => {
    const [first, second] = await cursors(2);
    await first!.read();
    await first!.commit(undefined, "one");
    const text = await second!.read();
    assert.equal(text!.trim(), "one");
    assert.equal(await failure(first!.commit("one", "two of the first")), "CURSOR_CHANGED");
    await second!.commit(text, "two of the second");
    assert.equal(await stored(), "two of the second");
    assert.equal(await failure(first!.overwrite("one")), "none", "an instance that knows nothing of it may set it");
    assert.equal(await failure(second!.overwrite("two")), "CURSOR_CHANGED");
  });

  it("has exactly one winner in each of 200 races between two instances", async () => {
    const [first, second] = await cursors(2);
    await first!.read();
    await first!.commit(undefined, "start");
    const wins = [0, 0];
    for (let race = 0; race < 200; race++) {
      // Both know the same revision: one has claimed it, the other has seen that.
      const text = await first!.read();
      await second!.look();
      const outcomes = await Promise.all([first!, second!].map((cursor, index) => failure(cursor.commit(text, `${race} of ${index}`))));
      assert.deepEqual([...outcomes].sort(), ["CURSOR_CHANGED", "none"]);
      const winner = outcomes.indexOf("none");
      wins[winner]! += 1;
      assert.equal(await stored(), `${race} of ${winner}`);
    }
    assert.equal(wins[0]! + wins[1]!, 200);
  });

  it("begins once when two instances find none", async () => {
    const [first, second] = await cursors(2);
    await Promise.all([first!.read(), second!.read()]);
    const outcomes = await Promise.all([failure(first!.commit(undefined, "1")), failure(second!.commit(undefined, "2"))]);
    assert.deepEqual(outcomes.sort(), ["CURSOR_CHANGED", "none"]);
  });

  it("begins anew after it was removed, and only the remover's view goes on", async () => {
    const [first, second] = await cursors(2);
    await first!.overwrite("one");
    await second!.read();
    await second!.overwrite(undefined);
    assert.equal(await failure(first!.commit("one", "two")), "CURSOR_CHANGED");
    assert.equal(await first!.read(), undefined);
    await first!.commit(undefined, "new");
    assert.equal(await stored(), "new");
    await first!.overwrite(undefined);
    await first!.overwrite(undefined);
    assert.equal(await second!.read(), undefined);
  });

  /** A link of which the next write is applied, but its answer lost. */
  async function forgetful(): Promise<{ link: NatsLink; loseAnswer: () => void }> {
    const link = await connect();
    const session = link.session!;
    const kv = await session.bucket();
    let isLost = false;
    const put: KV["put"] = async (...args) => {
      const revision = await kv.put(...args);
      if (!isLost) return revision;
      isLost = false;
      throw Object.assign(new Error("timeout"), { name: "TimeoutError" });
    };
    const wrapped: Session = { ...session, bucket: async () => ({ get: kv.get.bind(kv), delete: kv.delete.bind(kv), put }) as unknown as KV };
    return { link: Object.create(link, { session: { get: () => wrapped } }) as NatsLink, loseAnswer: () => { isLost = true; } };
  }

  it("goes on after a commit of which only the answer was lost", async () => {
    const { link, loseAnswer } = await forgetful();
    const cursor = new SharedCursor(link, key);
    await cursor.read();
    await cursor.commit(undefined, "one");
    loseAnswer();
    assert.equal(await failure(cursor.commit("one", "two")), "CURSOR_AWAY");
    assert.equal(await cursor.look(), "two");
    await cursor.commit("two", "three");
    assert.equal(await stored(), "three");
  });

  it("does not go on after such a commit if another instance has claimed it meanwhile", async () => {
    const { link, loseAnswer } = await forgetful();
    const cursor = new SharedCursor(link, key);
    await cursor.read();
    await cursor.commit(undefined, "one");
    loseAnswer();
    assert.equal(await failure(cursor.commit("one", "two")), "CURSOR_AWAY");
    const [other] = await cursors(1);
    const claimed = await other!.read();
    assert.notEqual(await cursor.look(), "two");
    assert.equal(await failure(cursor.commit("two", "three")), "CURSOR_CHANGED");
    await other!.commit(claimed, "three of the other");
    assert.equal(await stored(), "three of the other");
  });

  it("is stored again by its holder when somebody deletes the bucket", async () => {
    const [cursor, other] = await cursors(2);
    await cursor!.read();
    await cursor!.commit(undefined, "one");
    await other!.look();
    await server.ask((jsm) => jsm.streams.delete("KV_security-events"));
    await cursor!.commit("one", "two");
    assert.equal(await stored(), "two");
    assert.equal(await failure(other!.commit("one", "other")), "CURSOR_CHANGED");
  });

  for (const [what, value] of [
    ["100 MB when it is inflated", deflateSync(Buffer.alloc(100 * 2 ** 20))], ["no deflated text", Buffer.from("{\"v\":1}")], ["cut off", deflateSync(randomBytes(1000)).subarray(0, 500)],
  ] as const) {
    it(`refuses what is ${what}, leaves it as it is, and can be set`, async () => {
      const [cursor] = await cursors(1);
      await cursor!.look();
      await inBucket((kv) => kv.put(bucketKey("cursor", key), value));
      const before = process.memoryUsage().rss;
      assert.equal(await failure(cursor!.read()), "CURSOR_UNREADABLE");
      assert.equal(await failure(cursor!.look()), "CURSOR_UNREADABLE");
      assert.ok(process.memoryUsage().rss - before < 50 * 2 ** 20);
      assert.deepEqual(Buffer.from((await inBucket((kv) => kv.get(bucketKey("cursor", key))))!.value), value);
      await cursor!.overwrite("set");
      assert.equal(await stored(), "set");
    });
  }

  /** A cursor past `count` events of the last `seconds`. */
  function cursorOf(count: number, seconds: number, room: SharedCursor["room"]): { cursor: Cursor; overlapMs: number } {
    const cursor = Cursor.startingAt(OWNER, 0, "");
    const serverMs = Date.parse("2026-05-01T00:00:00Z");
    const words = new Int32Array(randomBytes(12 * count).map((byte) => 65 + byte % 26).buffer);
    const times = Float64Array.from({ length: count }, (_, index) => Math.floor(serverMs - seconds * 1000 * (1 - index / count)));
    const overlapMs = cursor.advance({ lastMs: serverMs, serverMs, ids: { keys: new KeyColumn(words), times } }, seconds * 1000, room);
    return { cursor, overlapMs };
  }

  for (const [payload, seconds, least] of [[2 ** 20, 300, 40_000], [2 ** 20, 86_400, 20_000], [64 * 1024, 300, 2500], [64 * 1024, 86_400, 1000]] as const) {
    it(`remembers as many ids as fit where max_payload is ${payload} and the overlap ${seconds} s`, async () => {
      const small = await NatsServer.start({ settings: `max_payload: ${payload}` });
      try {
        const [cursor] = await cursors(1, small);
        const { cursor: position, overlapMs } = cursorOf(100_000, seconds, cursor!.room);
        assert.ok(position.size >= least && position.size <= 80_000, `${position.size} ids`);
        assert.ok(overlapMs < seconds * 1000);
        await cursor!.commit(await cursor!.read(), position.serialize(0));
        assert.equal(Cursor.parse((await cursor!.read())!, OWNER, key).size, position.size);
      } finally {
        await small.remove();
      }
    });
  }

  it("refuses a cursor that the server can never take, and says what helps", async () => {
    const [cursor] = await cursors(1);
    await cursor!.read();
    const error = await cursor!.commit(undefined, randomBytes(2 ** 20).toString("base64")).catch((reason: unknown) => reason as SiemError);
    assert.equal(code(error), "CURSOR_TOO_LARGE");
    assert.equal((error as SiemError).permanent, true);
    assert.match((error as SiemError).message, /Shorten "Overlap"/);
  });

  it("can be read and committed by a user with the least permissions", async () => {
    const guarded = await NatsServer.start({
      settings: `accounts { A { jetstream: enabled, users: [{ user: admin, password: x }, { user: node, password: y, permissions: {
        publish: ["$KV.security-events.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.KV_security-events", "$JS.API.DIRECT.GET.KV_security-events.>", "$JS.API.STREAM.MSG.GET.KV_security-events"], subscribe: ["_INBOX.>"] } }] } }`,
      admin: { user: "admin", pass: "x" },
    });
    try {
      await guarded.ask(async (_jsm, connection) => new Kvm(connection).create("security-events", { storage: "file" as never }));
      const settings = readSettings({ servers: [guarded.address], authType: "user", create: false }, { user: "node", password: "y" }, undefined);
      const link = new NatsLink(settings, { clock: systemClock, random: Math.random, systemHostname: "host", outage: () => undefined, warn: () => undefined });
      links.push(link.use(() => undefined));
      await until(() => link.session !== undefined, "NATS is connected");
      const cursor = new SharedCursor(link, key);
      assert.equal(await cursor.read(), undefined);
      await cursor.commit(undefined, "one");
      await cursor.overwrite(undefined);
      assert.equal(await cursor.read(), undefined);
    } finally {
      await guarded.remove();
    }
  });
});
