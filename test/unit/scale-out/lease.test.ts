import assert from "node:assert/strict";
import fc from "fast-check";
import type { KV, KvEntry } from "@nats-io/kv";
import { plain } from "../../../src/common/border";
import type { SiemError } from "../../../src/common/errors";
import type { LeaseState } from "../../../src/cursor/lease";
import { natsError } from "../../../src/scale-out/errors";
import { explainNats } from "../../../src/scale-out/explain";
import { NatsLease } from "../../../src/scale-out/lease";
import type { LinkState, Session } from "../../../src/scale-out/link";
import { TestClock, turns } from "../../support/syslog-sender";

const LEASE_S = 6;
const LEASE_MS = LEASE_S * 1000;
/** From the death of the holder to the next one. */
const TAKEN_MS = LEASE_MS + 1000;
/** Of a request. */
const TIMEOUT_MS = 1500;
const HOUR_MS = 3_600_000;

/** Milliseconds until the answer; or no answer, to a request that was applied or not. */
type Fate = number | "applied" | "dropped";

/** A bucket with one key. */
class Bucket {
  entry: { value: Uint8Array; revision: number; operation: "PUT" | "DEL" } | null = null;
  private revision = 0;

  put(value: string | Uint8Array, operation: "PUT" | "DEL" = "PUT", previous?: number): number {
    if (previous !== undefined && previous !== (this.entry?.revision ?? 0)) throw Object.assign(new Error("wrong last sequence"), { code: 10071 });
    this.entry = { value: Buffer.from(value), revision: ++this.revision, operation };
    return this.revision;
  }

  get holder(): string | undefined {
    return this.entry?.operation === "PUT" ? (JSON.parse(Buffer.from(this.entry.value).toString()) as { holder: string }).holder : undefined;
  }
}

class Instance {
  readonly states: LeaseState[] = [];
  readonly reports: SiemError[] = [];
  readonly lease: NatsLease;
  readonly link;
  fate: (request: "get" | "put" | "delete") => Fate = () => 2;
  /** How wrong its clock is, ms. */
  clockError = 0;
  private state: LinkState;
  private user: (state: LinkState) => void = () => undefined;
  private readonly kv: KV;

  constructor(private readonly clock: TestClock, bucket: Bucket, name: string, seconds = LEASE_S) {
    this.kv = {
      get: () => this.ask("get", () => bucket.entry as KvEntry | null),
      put: (_key: string, value: string, { previousSeq }: { previousSeq: number }) => this.ask("put", () => bucket.put(value, "PUT", previousSeq)),
      delete: (_key: string, { previousSeq }: { previousSeq: number }) => this.ask("delete", () => bucket.put("", "DEL", previousSeq)),
    } as unknown as KV;
    this.state = this.connected();
    const stateOf = () => this.state;
    this.link = {
      instance: name, border: plain, leases: new Set<object>(),
      get failure() { const state = stateOf(); return state.phase === "waiting" ? state.error : undefined; },
      get session() { const state = stateOf(); return state.phase === "connected" ? state.session : undefined; },
      explain: (error: unknown) => explainNats(error, plain, { server: "nats:4222", stream: "S", bucket: "b" }),
      use: (user: (state: LinkState) => void) => {
        this.user = user;
        user(this.state);
        return () => undefined;
      },
    };
    this.lease = new NatsLease(this.link, "lease.a2V5", seconds, {
      clock: { now: clock.now, after: clock.after, date: () => 1_800_000_000_000 + clock.date() + this.clockError },
      report: (error) => this.reports.push(error),
    });
  }

  async start(): Promise<this> {
    this.lease.start((state) => this.states.push(state));
    await turns(5);
    return this;
  }

  get phase(): LeaseState["phase"] {
    return this.lease.state.phase;
  }

  /** The connection is lost, and there is none before `reach`. */
  lose(): void {
    this.fate = () => "dropped";
    this.enter({ phase: "waiting", error: natsError("NATS_UNREACHABLE") });
  }

  reach(): void {
    this.fate = () => 2;
    this.enter(this.connected());
  }

  private connected(): LinkState {
    return { phase: "connected", session: { bucket: async () => this.kv } as unknown as Session };
  }

  private enter(state: LinkState): void {
    this.state = state;
    this.user(state);
  }

  private async ask<Answer>(request: "get" | "put" | "delete", work: () => Answer): Promise<Answer> {
    const fate = this.fate(request);
    const pause = (ms: number) => new Promise<void>((resolve) => void this.clock.after(ms, resolve));
    if (typeof fate === "number") {
      await pause(fate / 2);
      const [outcome] = await Promise.allSettled([(async () => work())()]);
      await pause(fate / 2);
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    }
    if (fate === "applied") await (async () => work())().catch(() => undefined);
    await pause(TIMEOUT_MS);
    throw Object.assign(new Error("timeout"), { name: "TimeoutError" });
  }
}

describe("a lease in NATS", () => {
  let clock: TestClock;
  let bucket: Bucket;
  const instance = (name: string, seconds?: number) => new Instance(clock, bucket, name, seconds);

  beforeEach(() => {
    clock = new TestClock();
    bucket = new Bucket();
  });

  /** Two instances, of which the first is active. */
  async function pair(): Promise<[Instance, Instance]> {
    const first = await instance("host-1/aaaa").start();
    await clock.advance(100);
    const second = await instance("host-2/bbbb").start();
    await clock.advance(1000);
    assert.deepEqual([first.phase, second.phase], ["active", "standby"]);
    return [first, second];
  }

  it("is taken at once if it is free, and kept", async () => {
    const [first, second] = await pair();
    await clock.advance(HOUR_MS / 60);
    assert.deepEqual([first.phase, second.phase], ["active", "standby"]);
    assert.equal(first.states.length, 1);
    assert.deepEqual(second.lease.state, { phase: "standby", holder: "host-1", since: (first.lease.state as { since: number }).since });
  });

  it("goes to another instance within the lease and a second when its holder dies", async () => {
    for (let delay = 0; delay < 2000; delay += 190) {
      clock = new TestClock();
      bucket = new Bucket();
      const [first, second] = await pair();
      await clock.advance(delay);
      first.lose();
      const died = clock.now();
      while (second.phase !== "active") await clock.advance(50);
      assert.ok(clock.now() - died <= TAKEN_MS, `taken after ${clock.now() - died} ms`);
      assert.notEqual(first.phase, "active");
    }
  });

  it("is free for others half a second after an orderly close", async () => {
    const [first, second] = await pair();
    await Promise.all([first.lease.close(), clock.advance(600)]);
    assert.equal(second.phase, "active");
    assert.equal(first.link.leases.size, 0);
  });

  it("ends in time while a renewal waits for its answer", async () => {
    const [first, second] = await pair();
    first.fate = () => 60_000;
    await clock.advance(2 * LEASE_MS);
    assert.notEqual(first.phase, "active");
    assert.equal(first.lease.lapses, 1);
    assert.equal(second.phase, "active");
    assert.equal(first.states.at(-1)?.phase, "away");
    first.fate = () => 2;
    await clock.advance(120_000);
    assert.deepEqual([first.phase, second.phase], ["standby", "active"]);
  });

  it("ends before another instance takes it, at whatever moment the holder is cut off", async () => {
    for (let delay = 0; delay < 2000; delay += 370) {
      clock = new TestClock();
      bucket = new Bucket();
      const [first, second] = await pair();
      await clock.advance(delay);
      first.fate = () => "applied";
      for (let step = 0; step < 400; step++) {
        await clock.advance(50);
        assert.ok(first.phase !== "active" || second.phase !== "active", "both are active");
      }
    }
  });

  it("stays with its holder when the answer to a renewal is lost, also the last one in time", async () => {
    const [first, second] = await pair();
    let lost = 0;
    first.fate = (request) => (request === "put" && lost++ < 2 ? "applied" : 2);
    await clock.advance(2 * LEASE_MS);
    assert.ok(lost > 2);
    assert.deepEqual([first.phase, first.states.length, first.lease.lapses, second.phase], ["active", 1, 0, "standby"]);
  });

  it("is known by its own record again after the first answer was lost", async () => {
    const first = instance("host-1/aaaa");
    let lost = 0;
    first.fate = (request) => (request === "put" && lost++ === 0 ? "applied" : 2);
    await first.start();
    await clock.advance(TIMEOUT_MS + 600);
    assert.equal(first.phase, "active");
  });

  it("is given up when somebody else has written the record", async () => {
    const [first, second] = await pair();
    bucket.put(JSON.stringify({ holder: "host-3/cccc", since: 1, term: "t", seconds: LEASE_S }));
    await clock.advance(LEASE_MS / 3);
    assert.deepEqual(first.lease.state, { phase: "standby", holder: "host-3", since: 1 });
    await clock.advance(TAKEN_MS);
    assert.equal([first, second].filter(({ phase }) => phase === "active").length, 1);
  });

  it("has the clock of no instance count", async () => {
    const [first, second] = await pair();
    first.clockError = -HOUR_MS;
    second.clockError = HOUR_MS;
    await clock.advance(10 * LEASE_MS);
    assert.deepEqual([first.phase, second.phase], ["active", "standby"]);
    first.lose();
    await clock.advance(TAKEN_MS);
    assert.equal(second.phase, "active");
    first.reach();
    await clock.advance(10 * LEASE_MS);
    assert.deepEqual([first.phase, second.phase], ["standby", "active"]);
  });

  it("stays where it is when NATS is away for all, even for longer than the lease", async () => {
    const [first, second] = await pair();
    const { since } = first.lease.state as { since: number };
    for (const each of [first, second]) each.lose();
    await clock.advance(3 * LEASE_MS);
    assert.deepEqual([first.phase, second.phase], ["away", "away"]);
    second.reach();
    await clock.advance(5000);
    first.reach();
    await clock.advance(3 * LEASE_MS);
    assert.deepEqual([first.lease.state, second.phase], [{ phase: "active", since }, "standby"]);
    assert.deepEqual([first.lease.takeovers, second.lease.takeovers], [1, 0]);
  });

  it("counts no time in which the standby could not read", async () => {
    const [first, second] = await pair();
    first.lose();
    await clock.advance(1000);
    second.fate = () => "dropped";
    await clock.advance(10_000);
    assert.equal(second.phase, "away");
    second.fate = () => 2;
    while (second.phase === "away") await clock.advance(10);
    // Two seconds had counted before.
    await clock.advance(LEASE_MS - 2500);
    assert.equal(second.phase, "standby");
    await clock.advance(1000);
    assert.equal(second.phase, "active");
  });

  it("counts little of a time in which the standby stood still", async () => {
    const [first, second] = await pair();
    first.lose();
    second.fate = () => 20_000;
    await clock.advance(500);
    second.fate = () => 2;
    await clock.advance(20_000);
    assert.equal(second.phase, "standby");
    await clock.advance(LEASE_MS);
    assert.equal(second.phase, "active");
  });

  it("is not held because of an answer that comes after its end", async () => {
    const first = instance("host-1/aaaa");
    let puts = 0;
    first.fate = (request) => (request === "put" && puts++ === 0 ? 2 * LEASE_MS : 2);
    await first.start();
    await clock.advance(3 * LEASE_MS);
    assert.deepEqual([first.phase, first.states.length, first.lease.lapses], ["active", 1, 0]);
  });

  it("is not written into an empty bucket by an instance that had it before", async () => {
    const [first, second] = await pair();
    await Promise.all([first.lease.yield(), clock.advance(1200)]);
    assert.equal(second.phase, "active");
    bucket.entry = null;
    await clock.advance(LEASE_MS);
    assert.deepEqual([first.phase, second.phase, second.states.filter(({ phase }) => phase === "active").length], ["standby", "active", 1]);
  });

  for (const [what, operation] of [["deleted", "DEL"], ["lost with its bucket", undefined]] as const) {
    it(`has one holder again soon after its record was ${what}`, async () => {
      const [first, second] = await pair();
      if (operation === undefined) bucket.entry = null;
      else bucket.put("", operation);
      await clock.advance(LEASE_MS);
      assert.deepEqual([first, second].filter(({ phase }) => phase === "active").map(({ lease }) => lease.state.phase), ["active"]);
    });
  }

  it("keeps its term when only its holder saw that the bucket was lost", async () => {
    const first = await instance("host-1/aaaa").start();
    await clock.advance(100);
    bucket.entry = null;
    await clock.advance(LEASE_MS);
    assert.equal(bucket.holder, "host-1/aaaa");
    assert.equal(first.states.length, 1);
  });

  for (const [what, value] of [
    ["no JSON", "\u0000\u0001 garbage"], ["other JSON", "[1]"], ["half a record", "{\"holder\":\"host-3/cccc\"}"],
    ["a record of a megabyte", JSON.stringify({ holder: "x".repeat(2 ** 20), since: 1, term: "t", seconds: LEASE_S })],
    ["a record without an end", JSON.stringify({ holder: "host-3/cccc", since: 1, term: "t", seconds: null })],
    ["a time that no calendar has", JSON.stringify({ holder: "host-3/cccc", since: 1e300, term: "t", seconds: 6 })],
  ] as const) {
    it(`is taken after one lease if its record is ${what}`, async () => {
      bucket.put(value);
      const first = await instance("host-1/aaaa").start();
      await clock.advance(LEASE_MS - 100);
      assert.deepEqual(first.lease.state, { phase: "standby", holder: "?" });
      await clock.advance(200);
      assert.equal(first.phase, "active");
    });
  }

  it("is waited for as long as its holder said, within bounds", async () => {
    bucket.put(JSON.stringify({ holder: "host-3/cccc", since: 1, term: "t", seconds: 1e9 }));
    const first = await instance("host-1/aaaa").start();
    await clock.advance(299_000);
    assert.equal(first.phase, "standby");
    await clock.advance(2000);
    assert.equal(first.phase, "active");
  });

  it("shows the holder as one short line, and the whole name only where the hosts are the same", async () => {
    const first = await instance("host-1/aaaa").start();
    const holderOf = async (holder: string) => {
      bucket.put(JSON.stringify({ holder, since: 1, term: "t", seconds: LEASE_S }));
      await clock.advance(LEASE_MS / 3 + 10);
      return (first.lease.state as { holder?: string }).holder;
    };
    assert.equal(await holderOf("host-2/bbbb"), "host-2");
    assert.equal(await holderOf("host-1/bbbb"), "host-1/bbbb");
    assert.equal(await holderOf("a\u001b[31m\nb\u202e/c"), "a [31m b /c");
    assert.equal((await holderOf("y".repeat(500)))?.length, 40);
  });

  it("is left to others for a lease and a second after it was given up on purpose, or until one has had it", async () => {
    const [first, second] = await pair();
    await Promise.all([first.lease.yield(), clock.advance(600)]);
    assert.deepEqual([first.phase, second.phase], ["standby", "active"]);
    second.lose();
    await clock.advance(TAKEN_MS);
    assert.equal(first.phase, "active");
    await Promise.all([first.lease.yield(), clock.advance(LEASE_MS + 900)]);
    assert.deepEqual(first.lease.state, { phase: "standby" });
    await clock.advance(700);
    assert.equal(first.phase, "active");
  });

  it("is left to others until its instance competes again, however long nobody has it", async () => {
    const [first, second] = await pair();
    await Promise.all([first.lease.withdraw(), clock.advance(600)]);
    assert.deepEqual([first.phase, second.phase], ["standby", "active"]);
    await Promise.all([second.lease.withdraw(), clock.advance(600)]);
    await clock.advance(HOUR_MS / 60);
    assert.deepEqual([first.lease.state, second.lease.state, bucket.holder], [{ phase: "standby" }, { phase: "standby" }, undefined]);
    first.lease.compete();
    await clock.advance(100);
    assert.deepEqual([first.phase, second.phase], ["active", "standby"]);
  });

  it("goes to another instance when its holder leaves it while NATS is away for that one, and does not come back", async () => {
    const [first, second] = await pair();
    first.lose();
    await Promise.all([first.lease.withdraw(), clock.advance(TAKEN_MS)]);
    assert.equal(second.phase, "active");
    first.reach();
    second.lose();
    await clock.advance(5 * LEASE_MS);
    assert.deepEqual([first.lease.state, second.phase], [{ phase: "standby" }, "away"]);
  });

  it("is left for 100 ms for each one that the instance has, so that leases spread", async () => {
    const first = instance("host-1/aaaa");
    for (let held = 0; held < 3; held++) first.link.leases.add({});
    await first.start();
    await clock.advance(290);
    assert.equal(first.phase, "standby");
    await clock.advance(20);
    assert.equal(first.phase, "active");
    assert.equal(first.link.leases.size, 4);
  });

  it("reports once what the connection does not report, and is looked for more slowly", async () => {
    const first = instance("host-1/aaaa");
    let tries = 0;
    first.fate = () => {
      tries += 1;
      throw natsError("NATS_PERMISSION", {}, { permanent: true });
    };
    await first.start();
    await clock.advance(20_000);
    assert.deepEqual(first.reports.map(({ code }) => code), ["NATS_PERMISSION"]);
    assert.equal((first.lease.state as { error?: SiemError }).error?.code, "NATS_PERMISSION");
    assert.ok(tries < 10, `${tries} tries`);
    first.fate = () => 2;
    await clock.advance(6000);
    assert.equal(first.phase, "active");
  });

  it("closes in two seconds if NATS does not answer", async () => {
    const first = await instance("host-1/aaaa").start();
    await clock.advance(100);
    first.fate = () => 60_000;
    let isClosed = false;
    void first.lease.close().then(() => { isClosed = true; });
    await clock.advance(2000);
    await turns();
    assert.ok(isClosed);
    assert.equal(first.link.leases.size, 0);
  });

  it("is never held by two instances, whatever requests are lost or late", async () => {
    const fate = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }) }, { weight: 2, arbitrary: fc.integer({ min: 60, max: 1400 }) },
      { weight: 1, arbitrary: fc.constantFrom("applied" as const, "dropped" as const) },
    );
    const event = fc.constantFrom("nothing", "nothing", "nothing", "lose", "reach", "yield", "withdraw", "compete", "close");
    await fc.assert(fc.asyncProperty(fc.array(fate, { minLength: 20, maxLength: 20 }), fc.array(fc.tuple(event, fc.nat(1)), { minLength: 8, maxLength: 8 }), async (fates, events) => {
      clock = new TestClock();
      bucket = new Bucket();
      const make = async (index: number) => {
        const made = instance(`host-${index}/aaaa`, 3 + 2 * (index % 2));
        let at = index * 7;
        made.fate = () => fates[at++ % fates.length]!;
        return made.start();
      };
      const instances = [await make(0), await make(1)];
      let count = 2;
      let heldMs = 0;
      for (const [what, which] of events) {
        const each = instances[which]!;
        if (what === "lose" && each.link.session !== undefined) each.lose();
        if (what === "reach" && each.link.session === undefined) each.reach();
        if (what === "yield" && each.phase === "active") void each.lease.yield();
        if (what === "withdraw") void each.lease.withdraw();
        if (what === "compete") each.lease.compete();
        if (what === "close") {
          void each.lease.close();
          instances[which] = await make(count++);
        }
        for (let step = 0; step < 25; step++) {
          await clock.advance(80);
          const active = instances.filter(({ phase }) => phase === "active").length;
          assert.ok(active <= 1, "two are active");
          heldMs += active * 80;
        }
      }
      assert.ok(heldMs >= 0);
    }), { numRuns: Number(process.env["MODEL_RUNS"] ?? 40) });
  });
});
