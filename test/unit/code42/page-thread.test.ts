import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { eventV1 } from "../../../bench/events";
import { built } from "../../../bench/rounds";
import { RawBody } from "../../../src/body";
import { readFormatters } from "../../../src/cef/settings";
import { EventShapes } from "../../../src/code42/event-shapes";
import { eventsOf, readFacts, type PageTask } from "../../../src/code42/page-facts";
import type * as pageThread from "../../../src/code42/page-thread";
import { LineWriter, PackedLines, PIECE_BYTES, type LineFormatter } from "../../../src/packed-lines";
import { makeFileEvent } from "../../../src/simulator/events";
import { SpareMemory } from "../../../src/spare-memory";
import { until } from "../../support/until";

const V1: PageTask = { list: "fileEvents", reader: "file-events-v1" };
const V2: PageTask = { list: "fileEvents", reader: "file-events" };
const LIMIT = 256 * 2 ** 20;

const page = (events: unknown[]) => Buffer.from(JSON.stringify({ totalCount: events.length, fileEvents: events, nextPgToken: "next", problems: null }));
const zipped = (bytes: Buffer) => new RawBody(gzipSync(bytes), true, LIMIT);
const eventsV1 = (count: number, first = 0) => Array.from({ length: count }, (_, index) => eventV1(first + index));
const formatterOf = (kind: string, properties = {}) => readFormatters({ format: "cef", maxBytes: "8000", ...properties })(kind);

type Thread = InstanceType<typeof pageThread.PageThread>;

/** What a query learns of a page, and the lines of it. */
async function readAt(thread: Thread, body: RawBody, task: PageTask, formatter: LineFormatter) {
  const read = await thread.read(body, task, formatter.recipe);
  assert.ok(read?.memory !== undefined, "the thread has read it");
  read.memory.holdFor(1);
  const events = [...eventsOf(read.facts, body)];
  const lines = new PackedLines(read.memory, events.map(({ line }) => line as number), () => assert.fail("released"));
  return { envelope: read.facts.envelope, events, lines, memory: read.memory };
}

async function readHere(body: RawBody, task: PageTask, formatter: LineFormatter) {
  const memory = new LineWriter(new SpareMemory(PIECE_BYTES));
  const facts = await readFacts(body, task, new EventShapes(), { formatter, memory, wants: () => true });
  const events = [...eventsOf(facts, body)];
  return { envelope: facts.envelope, events, lines: events.map(({ line }) => memory.view(line as number).toString()) };
}

describe("the thread that reads pages", () => {
  let PageThread: typeof pageThread.PageThread;
  let thread: Thread;

  before(function () {
    this.timeout(60_000);
    // Node.js starts a thread from a file of JavaScript.
    ({ PageThread } = built<typeof pageThread>("code42/page-thread"));
    thread = new PageThread();
  });

  for (const [task, kind, events] of [
    [V1, "code42.file-event.v1", eventsV1(1500)],
    [V2, "code42.file-event.v2", Array.from({ length: 1500 }, (_, index) => makeFileEvent(index, { insertedUs: Date.UTC(2026, 0, 5) * 1000 + index }))],
  ] as const) {
    it(`finds of ${task.reader} what is found here, and makes the same lines`, async () => {
      for (const properties of [{}, { format: "json" }, { severity: "7", fields: [{ key: "cs6", type: "string", source: "eventId", label: "Id" }] }]) {
        const body = zipped(page(events));
        const formatter = formatterOf(kind, properties);
        const here = await readHere(body, task, formatter);
        const there = await readAt(thread, body, task, formatter);
        assert.deepEqual(there.envelope, here.envelope);
        assert.deepEqual(there.events, here.events);
        assert.equal(there.events.length, 1500);
        assert.deepEqual(there.lines.unpackAtOnce(), here.lines);
      }
    });
  }

  it("reads what came without compression, and needs no formatter", async () => {
    const bytes = page(eventsV1(300));
    const read = await thread.read(new RawBody(bytes, false, bytes.length), V1, undefined);
    assert.equal(read?.facts.times.length, 300);
    assert.equal(read?.memory, undefined);
    assert.ok(bytes.includes("fileEvents"), "the body is still here: it may have to be read again");
  });

  it("says which events have no line, no id or no time", async () => {
    const events: unknown[] = eventsV1(600);
    events[7] = "no event";
    events[9] = { ...eventV1(9), eventId: "" };
    events[11] = { ...eventV1(11), insertionTimestamp: null };
    const body = zipped(page(events));
    const read = await thread.read(body, V1, formatterOf("code42.file-event.v1").recipe);
    const found = [...eventsOf(read?.facts ?? assert.fail(), body)];
    const where = (test: (event: (typeof found)[number]) => boolean) => found.flatMap((event, index) => (test(event) ? [index] : []));
    assert.deepEqual(where(({ line }) => line === undefined), [7]);
    assert.deepEqual(where(({ complete }) => !complete), [7, 9, 11]);
    assert.deepEqual(where(({ insertedMs }) => insertedMs === undefined), [7, 11]);
  });

  it("writes into memory that was given back", async () => {
    const own = new PageThread();
    const formatter = formatterOf("code42.file-event.v1");
    const first = await readAt(own, zipped(page(eventsV1(1500))), V1, formatter);
    const lent = first.memory.view(0).buffer;
    assert.equal(lent.byteLength, PIECE_BYTES);
    first.lines.release();
    const second = await readAt(own, zipped(page(eventsV1(1500, 5000))), V1, formatter);
    assert.equal(lent.byteLength, 0, "it went back");
    const here = await readHere(zipped(page(eventsV1(1500, 5000))), V1, formatter);
    assert.deepEqual(second.lines.unpackAtOnce(), here.lines);
  });

  it("leaves small pages to others, and what it cannot read", async () => {
    const good = page(eventsV1(600));
    const cut = zipped(good).bytes.subarray(0, -2000);
    assert.equal(await new PageThread().read(zipped(page(eventsV1(20))), V1, undefined), undefined);
    assert.equal(await thread.read(new RawBody(cut, true, LIMIT), V1, undefined), undefined, "cut");
    assert.equal(await thread.read(new RawBody(zipped(good).bytes, true, 100_000), V1, undefined), undefined, "longer than allowed");
    assert.equal(await thread.read(new RawBody(good.subarray(0, -1), false, LIMIT), V1, undefined), undefined, "no JSON");
    assert.equal(await thread.read(zipped(good), V1, { properties: { format: "unknown" }, kind: "" }), undefined, "no formatter");
    assert.ok(await thread.read(zipped(good), V1, undefined) !== undefined, "it goes on");
  });

  it("gives a page back when it ends by itself, and is given up when it does so again and again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "siem-thread-"));
    const started = join(folder, "started");
    const file = join(folder, "ends.js");
    writeFileSync(file, `require("node:fs").appendFileSync(${JSON.stringify(started)}, "."); require("node:worker_threads").parentPort.once("message", () => process.exit(3));`);
    const ending = new PageThread({ file });
    const body = zipped(page(eventsV1(600)));
    for (let round = 0; round < 5; round++) assert.deepEqual(await Promise.all([ending.read(body, V1, undefined), ending.read(body, V1, undefined)]), [undefined, undefined]);
    assert.equal(readFileSync(started, "utf8"), "...");
    assert.equal(await new PageThread({ file: join(folder, "missing.js") }).read(body, V1, undefined), undefined);
    rmSync(folder, { recursive: true });
  });

  it("ends when nobody asks, and begins again", async () => {
    const short = new PageThread({ idleMs: 20 });
    const body = zipped(page(eventsV1(600)));
    const formatter = formatterOf("code42.file-event.v1");
    const first = await readAt(short, body, V1, formatter);
    assert.ok(short.isRunning);
    await until(() => !short.isRunning, "it ended");
    await sleep(20);
    assert.deepEqual(first.lines.unpackAtOnce(), (await readHere(body, V1, formatter)).lines, "what it gave stays");
    first.lines.release();
    assert.equal((await readAt(short, body, V1, formatter)).events.length, 600);
  });
});
