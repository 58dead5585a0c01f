/** The functions of the example with the dashboard, alone and with a clock of their own. */
import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { examples } from "../support/examples";

interface Figures {
  id: string;
  [name: string]: unknown;
}

interface Page {
  level: string;
  state: string;
  behind: number;
  isQuiet: boolean;
  problems: { level: string; key: string; node?: string; status?: string; help?: string; seconds?: number }[];
  chart: Record<string, number>[];
  nodes: Figures[];
}

interface Counted {
  severities: number[];
  delivered: { live: number; backlog: number };
  risky: { user: string; file: string; severity: number; line: string; time?: number }[];
  users: { name: string; counts: number[] }[];
  destinations: { name: string }[];
  hosts: { name: string }[];
}

const START = Date.UTC(2026, 5, 1, 12);

/** The functions Count and Health, wired as in the example. */
class Functions {
  now = START;
  /** The context of both; their keys differ. */
  readonly kept = new Map<string, unknown>();
  private readonly run = new Map<string, (message: object) => { payload: unknown } | null>();

  constructor() {
    for (const name of ["Count", "Health"]) {
      const node = examples().flatMap(({ flow }) => flow).find((candidate) => candidate["name"] === name && String(candidate.id).startsWith("siem13")) as unknown as { func: string; initialize: string };
      const context = { get: (key: string) => this.kept.get(key), set: (key: string, value: unknown) => void this.kept.set(key, value) };
      const surroundings = { context, Date: { now: () => this.now } };
      runInNewContext(node.initialize, surroundings);
      this.run.set(name, runInNewContext(`(function (msg) { ${node.func} })`, surroundings) as never);
    }
  }

  private call<Payload>(name: string, message: object): Payload {
    return structuredClone(this.run.get(name)?.(message)?.payload) as Payload;
  }

  delivered(lines: string | string[], kind = "code42.file-event.v2"): void {
    this.call("Count", { payload: lines, kind });
  }

  counted(): Counted {
    return this.call("Count", { action: "stats" });
  }

  /** The page 2 seconds later, after the nodes have answered. */
  page(...nodes: Figures[]): Page {
    this.now += 2000;
    this.call("Health", { topic: "security-events/stats", payload: nodes });
    return this.call("Health", { payload: this.counted(), action: "stats" });
  }
}

const line = (extension: string, severity: number | string = 10, name = "File created") => `CEF:0|Code42|Incydr|2|file-created|${name}|${severity}|${extension}`;

describe("the functions of the dashboard", () => {
  let functions: Functions;
  const seconds = () => functions.now / 1000;
  beforeEach(() => { functions = new Functions(); });

  describe("what is wrong", () => {
    const query = (figures: object = {}): Figures => ({ id: "q", type: "code42-query", name: "Incydr", read: 0, newestDeliveredTimestampSeconds: seconds(), status: { fill: "green", text: "9 read" }, ...figures });
    const siem = (figures: object = {}): Figures => ({ id: "s", type: "syslog-out", name: "SIEM", connected: 1, waiting: 0, lastDeliveryTimestampSeconds: seconds(), status: { fill: "green", text: "9 delivered" }, ...figures });
    const keys = ({ problems }: Page) => problems.map(({ level, key, node }) => `${level} ${key}${node === undefined ? "" : ` ${node}`}`);

    it("nothing: all is delivered, and the slowest source counts", () => {
      const page = functions.page(query({ newestDeliveredTimestampSeconds: seconds() - 1 }), query({ id: "other", newestDeliveredTimestampSeconds: seconds() - 7000 }), siem());
      assert.deepEqual([page.level, page.state, page.behind, page.isQuiet, page.problems.length], ["ok", "delivered", 3, false, 0]);
    });

    it("a source that tries again after it failed is still a problem, until it is green", () => {
      const error = { code: "FORBIDDEN", message: "what to do", time: "2026-06-01T12:00:00.000Z" };
      assert.deepEqual(keys(functions.page(query({ status: { fill: "red", text: "failed" }, lastError: error }), siem())), ["bad sourceDown Incydr"]);
      const [problem] = functions.page(query({ status: { fill: "blue", text: "polling" }, lastError: error }), siem()).problems;
      assert.deepEqual([problem?.key, problem?.status, problem?.help], ["sourceDown", "failed", "what to do"]);
      assert.deepEqual(keys(functions.page(query({ lastError: { ...error, recovered: "2026-06-01T12:00:04.000Z" } }), siem())), []);
    });

    it("a source that was well between two looks is not a problem, though it is busy at each of them", () => {
      const busy = (recovered?: string) => query({ status: { fill: "blue", text: "polling", recovered } });
      for (const fill of ["red", "yellow"]) {
        functions.page(query({ status: { fill, text: "sign-in refused" } }), siem());
        assert.equal(functions.page(busy(), siem()).problems.length, 1, fill);
        const page = functions.page(busy("2026-06-01T12:00:06.000Z"), siem());
        assert.deepEqual([keys(page), page.nodes[0]?.status], [[], busy("2026-06-01T12:00:06.000Z").status], fill);
      }
    });

    it("a SIEM that is away is the cause, and a source that waits for it is not", () => {
      const page = functions.page(query({ pagesOut: 1, status: { fill: "yellow", text: "waits for delivery" } }), siem({ connected: 0, waiting: 5, status: { fill: "yellow", text: "5 queued" } }));
      assert.deepEqual(keys(page), ["bad sinkDown SIEM"]);
    });

    it("a source that is asked to wait is a problem only while it reads nothing", () => {
      const slow = { status: { fill: "yellow", text: "retry in 9 s" } };
      functions.page(query(), siem());
      assert.deepEqual(keys(functions.page(query({ ...slow, read: 7 }), siem())), []);
      functions.now += 10_000;
      assert.deepEqual(keys(functions.page(query({ ...slow, read: 7 }), siem({ waiting: 1 }))), ["warn sourceSlow Incydr"]);
    });

    it("lines that wait for long, and a queue that is full", () => {
      const last = { lastDeliveryTimestampSeconds: seconds(), waiting: 5 };
      functions.page(query(), siem(last));
      functions.now += 20_000;
      assert.deepEqual([functions.page(query(), siem(last))].map((page) => [page.state, page.level]), [["waits", "busy"]]);
      functions.now += 180_000;
      assert.deepEqual(keys(functions.page(query(), siem({ ...last, dropped: { queue_full_refused: 0 } }))), ["bad stuck"]);
      assert.deepEqual(keys(functions.page(query(), siem({ waiting: 5, dropped: { queue_full_refused: 3 } }))), ["bad queueFull SIEM"]);
      functions.now += 60_000;
      assert.deepEqual(keys(functions.page(query(), siem({ dropped: { queue_full_refused: 3 } }))), []);
    });

    it("a quiet hour is worth a look, but not on a standby of a scaled-out flow", () => {
      const quiet = { lastDeliveryTimestampSeconds: seconds() };
      const newest = { newestDeliveredTimestampSeconds: seconds() };
      functions.page(query(), siem(quiet));
      functions.now += 1_800_000;
      assert.deepEqual([functions.page(query(newest), siem(quiet))].map(({ level, isQuiet, problems }) => [level, isQuiet, problems.length]), [["ok", true, 0]]);
      functions.now += 1_800_000;
      assert.deepEqual(keys(functions.page(query(newest), siem(quiet))), ["warn quiet"]);
      const standby = functions.page(query({ ...newest, active: 0, status: { fill: "grey", text: "standby" } }), siem(quiet));
      assert.deepEqual([standby.level, standby.state], ["busy", "standby"]);
    });

    it("a backlog that is read slowly is not called delivered", () => {
      const old = { newestDeliveredTimestampSeconds: seconds() - 7200, status: { fill: "blue", text: "polling" } };
      functions.page(query({ ...old, read: 1000 }), siem());
      functions.now += 40_000;
      const page = functions.page(query({ ...old, read: 1000 }), siem());
      assert.deepEqual([page.state, page.level, page.behind], ["catchingUp", "busy", 7244]);
    });

    it("no node answers, or one was removed", () => {
      assert.deepEqual(functions.page(query(), siem()).nodes.map(({ id }) => id), ["q", "s"]);
      functions.now += 9000;
      assert.deepEqual(functions.page(siem()).nodes.map(({ id }) => id), ["s"]);
      functions.now += 10_000;
      assert.deepEqual(keys(functions.page()), ["bad noNodes"]);
    });

    it("the charts keep half an hour, with a backlog apart from the rest", () => {
      functions.page(query(), siem());
      functions.delivered(Array.from({ length: 500 }, (_, index) => line(`rt=${functions.now - 3_600_000 + index}`)));
      functions.delivered(line(`rt=${functions.now}`));
      const late = { newestDeliveredTimestampSeconds: seconds() - 3600 };
      functions.now += 15_000;
      const { in: live, out, backlogIn, backlogOut } = functions.page(query({ ...late, read: 500 }), siem()).chart.at(-1) ?? {};
      assert.deepEqual({ live, out, backlogIn, backlogOut }, { live: 0, out: 1, backlogIn: 500, backlogOut: 500 });
      for (let hour = 0; hour < 3600; hour += 2) functions.page(query(), siem());
      assert.ok(functions.page(query(), siem()).chart.length <= 120);
    });
  });

  describe("what was delivered", () => {
    it("is counted by severity as CEF divides it, in numbers and in words", () => {
      functions.delivered([0, 3, 4, 6, 7, 8, 9, 10, "Low", "Very-High", "Unknown", ""].map((severity) => line("suser=a@b.example", severity)));
      assert.deepEqual(functions.counted().severities, [5, 2, 2, 3]);
    });

    it("tells file events from threat events, and reads escaped values", () => {
      functions.delivered(line("suser=a\\=b end=1780315200000 fname=x \\\\ y\\=z | c destinationServiceName=Box", 9, "suser=nobody \\| fname=none"));
      functions.delivered(line("suser= duser=eve dhost=WS-1 fname=z.exe", 8), "epo.threat-event");
      const { risky, destinations, hosts, users } = functions.counted();
      assert.deepEqual(risky.map(({ user, file, severity, time }) => ({ user, file, severity, time })), [
        { user: "a=b", file: "x \\ y=z | c", severity: 9, time: 1780315200000 }, { user: "eve", file: "z.exe", severity: 8, time: undefined },
      ]);
      assert.deepEqual([destinations, hosts, users].map((rows) => rows.map(({ name }) => name)), [["Box"], ["WS-1"], ["a=b", "eve"]]);
    });

    it("keeps the ten riskiest and newest, each once, and forgets them after a day", () => {
      for (let index = 0; index < 200; index++) functions.delivered(line(`suser=u${index} end=${functions.now + index}`, 4 + index % 7));
      functions.delivered(line(`suser=u195 end=${functions.now + 195}`, 10));
      functions.delivered("no CEF at all");
      const { risky } = functions.counted();
      assert.deepEqual(risky.map(({ user }) => user), Array.from({ length: 10 }, (_, index) => `u${195 - 7 * index}`));
      functions.now += 25 * 3_600_000;
      const later = functions.counted();
      assert.deepEqual([later.risky.length, later.users.length, ...later.severities], [0, 0, 0, 0, 0, 0]);
    });

    it("stays small, however many names and however long lines there are", () => {
      for (let page = 0; page < 10; page++) functions.delivered(Array.from({ length: 1000 }, (_, index) => line(`suser=u${page}x${index} fname=${"y".repeat(30_000)}`)));
      const text = JSON.stringify(functions.counted());
      assert.ok(text.length < 128 * 1024, `${text.length} bytes`);
      const { hours } = functions.kept.get("seen") as { hours: { users: Map<string, unknown> }[] };
      assert.ok((hours[0]?.users.size ?? Infinity) <= 500);
    });
  });
});
