import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import german from "../../../nodes/locales/de/code42-query.json";
import germanCef from "../../../nodes/locales/de/cef-format.json";
import germanSyslog from "../../../nodes/locales/de/syslog-out.json";
import english from "../../../nodes/locales/en-US/code42-query.json";
import englishCef from "../../../nodes/locales/en-US/cef-format.json";
import englishSyslog from "../../../nodes/locales/en-US/syslog-out.json";
import { root } from "../../../scripts/built";
import { MIN_BYTES } from "../../../src/cef/formatter";
import { storeTable } from "../../../src/cursor/store-safety";
import { formatTips, queryTips, SHORTEST_LINE, storeTips, syslogTips, tlsTips, type QueryForm, type SyslogForm } from "../../../src/editor/tips";
import type { FlowItem } from "../../../src/editor/wires";
import { examples } from "../../support/examples";

const query: QueryForm = { source: "file-events", criteria: [], criteriaType: "json", cursor: "#:(disk)::key", cursorType: "global", advance: "confirmed", confirmedBy: [] };
const stores = storeTable({
  default: "ram", ram: { module: "memory" }, disk: { module: "localfilesystem", config: { cache: false } }, lazy: { module: "localfilesystem", config: { flushInterval: 10 } }, other: { module: "redis" },
});
const node = (id: string, type: string, wires: string[][] = [], more: object = {}): FlowItem => ({ id, type, z: "tab", wires, ...more });
const confirmed = [node("q", "code42-query", [["s"]]), node("s", "syslog-out")];
const tips = (form: Partial<QueryForm>, flow = confirmed, table: typeof stores | undefined = stores) => [...queryTips("q", { ...query, ...form }, flow), ...storeTips({ ...query, ...form }, table)];
const keys = (...of: Parameters<typeof tips>) => tips(...of).map(({ key }) => key);

describe("tips in the dialog of code42-query", () => {
  it("are absent in a correct flow and in the examples", () => {
    assert.deepEqual(tips({}), []);
    for (const { name, flow } of examples()) {
      for (const each of flow.filter(({ type }) => type === "code42-query")) {
        const form = { ...query, ...each, cursor: query.cursor } as unknown as QueryForm;
        assert.deepEqual([...queryTips(each.id, form, flow as FlowItem[]), ...storeTips(form, stores)], [], name);
      }
    }
  });

  it("warn when nothing behind the query confirms", () => {
    assert.deepEqual(keys({}, [node("q", "code42-query")]), ["notice.noConfirmation"]);
    assert.deepEqual(keys({}, [node("q", "code42-query", [["c"]]), node("c", "delivery-confirm", [], { mode: "reject" })]), ["notice.noConfirmation"]);
    assert.deepEqual(keys({}, [node("q", "code42-query", [["c"]]), node("c", "delivery-confirm", [], { mode: "confirm-page" })]), []);
    assert.deepEqual(keys({}, [node("q", "code42-query", [["c"]]), node("c", "link call", [], { linkType: "dynamic" })]), []);
    assert.deepEqual(keys({ advance: "sent" }, [node("q", "code42-query")]), ["notice.sent"]);
  });

  it("name the sinks that never get a page to confirm", () => {
    const flow = [...confirmed, node("t", "syslog-out", [], { name: "second SIEM" })];
    assert.deepEqual(tips({ confirmedBy: ["s", "t"] }, flow), [{ key: "notice.sinksNotReached", params: { sinks: "second SIEM" } }]);
    assert.deepEqual(tips({ confirmedBy: ["s"] }, flow), []);
    const inItsName = [node("q", "code42-query", [["s", "c"]]), node("s", "syslog-out"), node("c", "delivery-confirm", [], { confirmsFor: ["t"] }), node("t", "syslog-out")];
    assert.deepEqual(tips({ confirmedBy: ["s", "t"] }, inItsName), []);
  });

  it("say what a restart or a crash repeats because of the cursor's store, in the run time's words", () => {
    assert.deepEqual(tips({ cursor: "key" }), [{ key: "warning.storeMemory", params: { store: "ram" } }]);
    assert.deepEqual(tips({ cursor: "#:(lazy)::key" }), [{ key: "warning.storeCached", params: { store: "lazy", seconds: 10 } }]);
    assert.deepEqual(tips({ cursor: "#:(gone)::key" }), [{ key: "error.STORE_UNKNOWN", params: { store: "gone", stores: "ram, disk, lazy, other" } }]);
    assert.deepEqual(tips({ cursor: "#:(other)::key" }), []);
    assert.deepEqual(tips({ cursor: "key", cursorType: "none" }), []);
    assert.deepEqual(storeTips({ ...query, cursor: "key" }, undefined), []);
    assert.deepEqual(storeTable(undefined), { default: { name: "memory", kind: "memory" } });
  });

  it("warn of filters on the term of the cursor and on the time of the event", () => {
    const on = (...terms: string[]) => ({ groups: [{ clause: "OR", groups: [{ filters: terms.map((term) => ({ term, operator: "ON", value: "2026-01-31" })) }] }] });
    assert.deepEqual(tips({ criteria: on("event.inserted", "@timestamp") }), [{ key: "notice.cursorTerm", params: { term: "event.inserted" } }]);
    assert.deepEqual(tips({ criteria: on("@timestamp") }), [{ key: "notice.eventTime", params: { term: "@timestamp", cursorTerm: "event.inserted" } }]);
    assert.deepEqual(keys({ criteria: on("@timestamp", "event.inserted"), cursorType: "none" }), []);
    assert.deepEqual(keys({ criteria: on("@timestamp"), source: "sessions" }), []);
    for (const criteria of [null, "x", 1, [null], [{ term: 1 }]]) assert.deepEqual(tips({ criteria }), []);
    assert.deepEqual(tips({ criteria: on("event.inserted"), criteriaType: "groups" }), [], "the builder shows it at the row");
    assert.deepEqual(keys({ criteria: on("CreatedAt"), source: "alerts" }), ["notice.cursorTerm"]);
  });
});

describe("tips in the dialog of syslog-out", () => {
  const form: SyslogForm = { transport: "tcp", host: "127.0.0.1", maxBytes: 8192, overflow: "refuse", tls: undefined };
  const of = (change: Partial<SyslogForm>) => syslogTips({ ...form, ...change }).map(({ key }) => key);

  it("warn of sending events to another host without encryption", () => {
    for (const transport of ["tcp", "udp", "relp"]) {
      assert.deepEqual(of({ transport, host: "siem.example.com" }), ["notice.notEncrypted"], transport);
      for (const host of ["", "127.0.0.1", "127.1.2.3", "localhost", "::1"]) assert.deepEqual(of({ transport, host }), [], host);
    }
    for (const transport of ["tls", "relp-tls"]) assert.deepEqual(of({ transport, host: "siem.example.com" }), []);
  });

  it("say that the node refuses to send with verification off, but only if the transport uses TLS", () => {
    const tls = { id: "t", name: "lab", verifyservercert: false };
    assert.deepEqual(syslogTips({ ...form, transport: "tls", tls }), [{ key: "common.error.TLS_UNVERIFIED", params: { name: "lab" } }]);
    assert.deepEqual(of({ transport: "tcp", tls }), []);
    assert.deepEqual(tlsTips({ id: "t", verifyservercert: true }), []);
    assert.deepEqual(tlsTips(null), []);
  });

  it("warn of messages longer than receivers take, and of a queue that drops", () => {
    assert.deepEqual(of({ maxBytes: 8193 }), ["notice.aboveUsualLimit"]);
    assert.deepEqual(of({ overflow: "drop-oldest" }), ["notice.drops"]);
    assert.deepEqual(of({ overflow: "drop-newest" }), ["notice.drops"]);
  });
});

describe("tips in the dialog of cef-format", () => {
  it("warn of lines that a syslog-out behind the node would cut, and of lines that no usual receiver takes", () => {
    const flow = [node("f", "cef-format", [["a", "b"]]), node("a", "syslog-out", [], { maxBytes: "65507" }), node("b", "syslog-out", [], { maxBytes: "2048" }), node("c", "syslog-out", [], { maxBytes: "1024" })];
    assert.deepEqual(formatTips("f", 1948, flow), []);
    assert.deepEqual(formatTips("f", 1949, flow), [{ key: "notice.longerThanSyslog", params: { limit: 2048, advice: 1948 } }]);
    assert.deepEqual(formatTips("f", 1949, flow, "cef"), formatTips("f", 1949, flow));
    assert.deepEqual(formatTips("f", 8000, [node("f", "cef-format")]), []);
    assert.deepEqual(formatTips("f", 8193, [node("f", "cef-format")]), [{ key: "notice.aboveUsualLimit", params: { limit: 8192 } }]);
  });
});

describe("tips in the dialog of cef-format, if it cannot shorten", () => {
  const wired = (limit: number, more: object = {}) => [node("f", "cef-format", [["s"]], more), node("s", "syslog-out", [], { maxBytes: String(limit) })];

  it("ask for a higher limit in syslog-out for JSON, because JSON that is too long is replaced by an id and a reason", () => {
    const tip = [{ key: "notice.jsonLongerThanSyslog", params: { limit: 2048, needed: 8100 } }];
    for (const format of ["json", "raw-json"]) {
      assert.deepEqual(formatTips("f", 8000, wired(2048), format), tip);
      assert.deepEqual(formatTips("f", 8000, wired(2048, { format })), tip);
      assert.deepEqual(formatTips("f", 1948, wired(2048), format), []);
    }
    assert.deepEqual(formatTips("f", 8000, wired(2048, { format: "json" }), "cef").map(({ key }) => key), ["notice.longerThanSyslog"]);
  });

  it("never advise a shorter line than the node allows", () => {
    assert.equal(SHORTEST_LINE, MIN_BYTES);
    for (const limit of [480, 512, 611]) assert.deepEqual(formatTips("f", 600, wired(limit)), [{ key: "notice.syslogTooShort", params: { limit, min: 512, needed: 700 } }]);
    assert.deepEqual(formatTips("f", 600, wired(612)), [{ key: "notice.longerThanSyslog", params: { limit: 612, advice: 512 } }]);
  });
});

describe("the texts of the tips", () => {
  it("recommend \"Start from\" instead of a filter on the cursor's term, and warn that a filter on the event's time misses late events", () => {
    for (const [language, start, late] of [["en-US", "Start from", /leaves out events that are reported late/], ["de", "Beginnen ab", /(lässt spät gemeldete Ereignisse aus|lässt Ereignisse aus, die spät gemeldet werden)/]] as const) {
      const tip = (language === "de" ? german : english).builder.onCursorTerm;
      const help = /<code>IncompatibleFilterError.*/.exec(readFileSync(join(root, `nodes/locales/${language}/code42-query.html`), "utf8"))?.[0] ?? "";
      for (const text of [tip, help]) {
        assert.ok(text.includes(start), text);
        assert.match(text, late);
      }
    }
  });

  it("say that a queue that drops loses only lines that nobody sends again", () => {
    assert.match(englishSyslog.notice.drops, /A code42-query that waits for confirmation sends them again; lines of other sources are lost\./);
    assert.match(germanSyslog.notice.drops, /code42-query, der auf Bestätigung wartet, sendet sie erneut; Zeilen anderer Quellen gehen verloren\./);
  });

  it("have the same parameters in both languages", () => {
    const parameters = (texts: Record<string, string>) => Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, (text.match(/__\w+?__/g) ?? []).sort()]));
    for (const [one, other] of [[english.notice, german.notice], [englishSyslog.notice, germanSyslog.notice], [englishCef.notice, germanCef.notice]] as const) {
      assert.deepEqual(parameters(one), parameters(other));
    }
  });
});
