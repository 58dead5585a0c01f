import assert from "node:assert/strict";
import { compileFormatter } from "../../../src/cef/encoder";
import { mappings } from "../../../src/cef/mappings";
import { FormatQueue, MOST_BYTES, type FormatJob } from "../../../src/cef/queue";
import { BufferPool } from "../../../src/common/buffer-pool";
import { PackedLines, PIECE_BYTES } from "../../../src/pages/packed-lines";
import { until } from "../../support/until";

const incydr = mappings.get("code42.file-event.v2")!;

/** A queue whose clock advances one millisecond for each event, and whose deferred work runs when the test says so. */
function bench() {
  let time = 0;
  const deferred: (() => void)[] = [];
  const formatter = compileFormatter(incydr);
  const log: string[] = [];
  const slow = { ...formatter, get failure() { return formatter.failure; }, format: (event: unknown) => (time++, formatter.format(event)) };
  const queue = new FormatQueue({ now: () => time, defer: (run) => void deferred.push(run) });
  const job = (name: string, events: unknown[], bytes = 0): FormatJob => ({
    events: events.length, bytes, slices: [events].values(), formatter: slow,
    finished: (lines, failures) => void log.push(`${name} ${lines.length} ${failures.length} ${failures[0]?.reason.code ?? ""}`.trim()),
    failed: (error) => void log.push(`${name} ${String(error)}`),
    abandoned: () => void log.push(`${name} abandoned`),
  });
  const idle = () => {
    for (let run = deferred.shift(); run !== undefined; run = deferred.shift()) run();
  };
  return { queue, job, log, deferred, idle };
}
const events = (count: number) => Array.from({ length: count }, (_, index) => ({ event: { id: `e${index}` } }));

describe("CEF format queue", () => {
  it("finishes a small job at once", () => {
    const { queue, job, log, deferred } = bench();
    queue.push(job("a", events(1)));
    queue.push(job("b", []));
    assert.deepEqual(log, ["a 1 0", "b 0 0"]);
    assert.equal(deferred.length, 0);
  });
  it("splits a long job so that other work can run in between, and keeps the order of the jobs", () => {
    const { queue, job, log, deferred, idle } = bench();
    queue.push(job("long", events(100)));
    queue.push(job("short", events(1)));
    assert.deepEqual(log, []);
    assert.equal(deferred.length, 1);
    deferred.shift()!();
    assert.deepEqual(log, []);
    queue.push(job("last", [null]));
    idle();
    assert.deepEqual(log, ["long 100 0", "short 1 0", "last 1 1 EVENT_NOT_OBJECT"]);
    queue.push(job("again", events(1)));
    assert.equal(log.at(-1), "again 1 0");
  });
  it("keeps lines that are made already behind the jobs before them", () => {
    const { queue, job, log, idle } = bench();
    const ready = new PackedLines(new BufferPool(PIECE_BYTES));
    ready.add("line");
    queue.push(job("long", events(100)));
    queue.push({ ...job("ready", []), ready });
    idle();
    assert.deepEqual(log, ["long 100 0", "ready 1 0"]);
  });
  it("refuses a job whose events or memory do not fit beside those that wait; alone, one of any size fits", () => {
    const { queue, job, log, idle } = bench();
    const isFull = (error: unknown) => (error as { code?: string }).code === "FORMAT_QUEUE_FULL";
    queue.push({ ...job("huge", events(100)), events: 200_000, bytes: 2 ** 40 });
    assert.throws(() => queue.push(job("event", events(1))), isFull);
    idle();
    queue.push({ ...job("large", events(100)), bytes: MOST_BYTES - 10 });
    assert.throws(() => queue.push(job("more", events(1), 11)), isFull);
    queue.push(job("small", events(1), 10));
    assert.equal(queue.events, 101);
    idle();
    assert.deepEqual(log, ["huge 100 0", "large 100 0", "small 1 0"]);
    assert.equal(queue.events, 0);
    queue.push({ ...job("a", events(100)), events: 100_000 });
    queue.close();
    queue.push(job("b", events(1)));
    idle();
    assert.deepEqual(log.slice(3), ["a abandoned", "b 1 0"]);
  });
  it("goes on with the next job when the end of one throws", () => {
    const { queue, job, log } = bench();
    assert.throws(() => queue.push({ ...job("a", events(1)), finished: () => { throw new Error("full"); } }), /full/);
    queue.push(job("b", events(1)));
    assert.deepEqual(log, ["b 1 0"]);
  });
  it("counts the failures of each job", () => {
    const { queue, job, log } = bench();
    queue.push(job("a", [events(1)[0], {}, null]));
    queue.push(job("b", events(2)));
    assert.deepEqual(log, ["a 3 2 EVENT_EMPTY", "b 2 0"]);
  });
  it("waits for events that arrive later, keeps the order of the jobs meanwhile, and reports an error of the source", async () => {
    const { queue, job, log } = bench();
    async function* later(fault?: Error) {
      for (const id of ["a", "b"]) {
        await new Promise((resolve) => setImmediate(resolve));
        yield [{ event: { id } }, { event: { id: `${id}2` } }];
      }
      if (fault !== undefined) throw fault;
    }
    queue.push({ ...job("later", []), slices: later() });
    queue.push({ ...job("faulty", []), slices: later(new Error("no more")) });
    queue.push(job("after", events(3)));
    assert.deepEqual(log, []);
    await until(() => log.length === 3, "all jobs ended");
    assert.deepEqual(log, ["later 4 0", "faulty Error: no more", "after 3 0"]);
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield await new Promise<unknown[]>((resolve) => setImmediate(() => resolve([null])));
      } finally {
        ended = true;
      }
    }
    queue.push({ ...job("endless", []), slices: endless() });
    await new Promise((resolve) => setImmediate(resolve));
    queue.close();
    queue.push(job("new", events(2)));
    await until(() => ended && log.length === 5, "the source was closed");
    assert.deepEqual(log.slice(3), ["endless abandoned", "new 2 0"]);
  });
  it("abandons each unfinished job once when it is closed, and then takes new jobs", () => {
    const { queue, job, log, idle } = bench();
    queue.push(job("a", events(100)));
    queue.push(job("b", events(2)));
    queue.close();
    idle();
    assert.deepEqual(log, ["a abandoned", "b abandoned"]);
    queue.push(job("c", events(3)));
    idle();
    assert.equal(log.at(-1), "c 3 0");
  });
});
