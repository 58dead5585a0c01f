import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import tenantNode from "../../nodes/code42-tenant";
import queryNode from "../../nodes/code42-query";
import confirmNode from "../../nodes/delivery-confirm";
import { deliveryRegistry } from "../../src/delivery/registry";
import type { FlowMessage } from "../../src/common/messages";
import { makeFileEvent } from "../../src/simulator/events";
import { makeSavedSearch } from "../../src/simulator/endpoints/saved-searches";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { eventIds } from "../support/query";
import { metricsOfProcess } from "../../src/metrics/metrics";
import { coreNode, getNode, helper, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until, type FlowNode, type LoadOptions } from "../support/node-red";

const nodes = [tenantNode, queryNode, confirmNode, coreNode("common/25-catch.js"), coreNode("common/24-complete.js"), coreNode("sequence/17-split.js"), coreNode("function/10-function.js"), coreNode("function/10-switch.js")];

describe("code42-query", () => {
  let simulator: TenantSimulator;
  let folder: string;
  let made: number;

  before(startServer);
  after(stopServer);
  beforeEach(async () => {
    made = 0;
    folder = mkdtempSync(join(tmpdir(), "siem-query-"));
    simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
  });
  afterEach(async () => {
    await unloadFlow();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function addEvents(count: number): string[] {
    const start = Date.now() - 3_600_000;
    const events = Array.from({ length: count }, () => makeFileEvent(made, { insertedUs: (start + made++ * 10) * 1000 }));
    simulator.add(events);
    return events.map((event) => event.event.id);
  }

  const durable = () => ({ default: "memory", memory: { module: "memory" }, durable: { module: "localfilesystem", config: { dir: folder, base: "context", cache: false } } });
  const query = (properties: Record<string, unknown> = {}): FlowNode => ({
    id: "q", type: "code42-query", tenant: "t", pollInterval: "0", pageSize: "100", cursor: "#:(durable)::cursor_q", cursorType: "global", wires: [["out"]], ...properties,
  });
  const others: FlowNode[] = [
    { id: "catcher", type: "catch", scope: null, wires: [["caught"]] },
    { id: "caught", type: "helper", wires: [] },
    { id: "out", type: "helper", wires: [] },
  ];
  const load = (flow: FlowNode[], options: LoadOptions = {}) => loadFlow(nodes, [
    { id: "t", type: "code42-tenant", baseUrl: simulator.url, authType: "api-client" }, ...flow, ...others,
  ], { contextStorage: durable(), credentials: { t: { clientId: simulator.clientId, clientSecret: simulator.clientSecret } }, ...options });
  const stored = (path: string) => JSON.parse(readFileSync(join(folder, "context", path), "utf8")) as Record<string, string>;
  const cursor = (text: string | undefined) => JSON.parse(text ?? "null") as { floor: string; lastInserted: string } | null;
  const code = (message: Record<string, unknown> | undefined) => (message?.["error"] as { code?: string } | undefined)?.code;
  const pollToTheEnd = async () => {
    const status = recordStatus("q");
    getNode("q").receive({});
    await until(() => status.at(-1)?.text === "status.idle", "the poll ends");
  };
  /** Polls, and resolves with the message that the catch node gets. */
  const caughtInPoll = async (id = "q", timeoutMs = 8000) => {
    const caught = recordMessages("caught");
    getNode(id).receive({});
    await until(() => caught.length > 0, "catch sees it", timeoutMs);
    return caught;
  };
  const confirmAll = (messages: Record<string, unknown>[]) => messages.forEach((message) => deliveryRegistry().confirm(message));

  it("polls on a message, sends pages, and moves its cursor on disk only when they are confirmed", async () => {
    const ids = addEvents(150);
    await load([query()]);
    const out = recordMessages("out");
    const status = recordStatus("q");
    getNode("q").receive({});
    await until(() => out.length === 2, "both pages are sent");
    assert.deepEqual(eventIds(out), ids);
    assert.equal(cursor(stored("global/global.json")["cursor_q"])?.lastInserted, null);
    confirmAll(out);
    await until(() => status.at(-1)?.text === "status.idle", "the poll ends");
    assert.equal(status.at(-1)?.fill, "green");
    assert.ok(cursor(stored("global/global.json")["cursor_q"])?.lastInserted);
    assert.deepEqual(Object.keys(stored("global/global.json")), ["cursor_q"]);
    assert.deepEqual(stored("tab/q.json"), { cursor_q_spare: stored("global/global.json")["cursor_q"] });
  });

  for (const [cursorType, file] of [["flow", "tab/flow.json"], ["node", "tab/q.json"]] as const) {
    it(`keeps the cursor in ${cursorType} context, and continues from the spare slot if a power cut emptied its file`, async () => {
      addEvents(20);
      const poll = async () => {
        await load([query({ cursorType, wires: [["confirm"]] }), { id: "confirm", type: "delivery-confirm", mode: "confirm", wires: [["out"]] }]);
        const out = recordMessages("out");
        await pollToTheEnd();
        await unloadFlow();
        return eventIds(out);
      };
      assert.equal((await poll()).length, 20);
      assert.ok(cursor(stored(file)["cursor_q"])?.lastInserted);
      writeFileSync(join(folder, "context", file), "");
      const more = addEvents(5);
      assert.deepEqual(await poll(), more);
    });
  }

  for (const cursorType of ["flow", "node"]) {
    it(`keeps a cursor in ${cursorType} context when the node moves to another tab`, async () => {
      addEvents(20);
      const poll = async (z: string) => {
        await load([
          { id: "other", type: "tab" },
          query({ cursorType, z, x: 100, y: 100, wires: [["confirm"]] }),
          { id: "confirm", type: "delivery-confirm", z, x: 300, y: 100, mode: "confirm", wires: [["out"]] },
        ]);
        const out = recordMessages("out");
        await pollToTheEnd();
        await unloadFlow();
        return eventIds(out);
      };
      assert.equal((await poll("tab")).length, 20);
      const more = addEvents(5);
      assert.deepEqual(await poll("other"), more);
    });
  }

  it("polls by itself at start and at each interval", async () => {
    const ids = addEvents(5);
    await load([query({ pollInterval: "0.1" })]);
    const out = recordMessages("out");
    getNode("out").on("input", ((message: FlowMessage) => deliveryRegistry().confirm(message)) as never);
    await until(() => out.length >= 1, "the first poll");
    const more = addEvents(3);
    await until(() => eventIds(out).length === 8, "a later poll");
    assert.deepEqual(eventIds(out), [...ids, ...more]);
  });

  it("refuses an unknown context store, which Node-RED would silently replace, and sends no request", async () => {
    await load([query({ cursor: "#:(nosuch)::cursor_q" })]);
    const caught = await caughtInPoll();
    assert.equal(code(caught[0]), "STORE_UNKNOWN");
    assert.equal(simulator.requests.length, 0);
    assert.ok(!existsSync(join(folder, "context/global/global.json")));
  });

  it("refuses two queries on one cursor", async () => {
    await load([query(), query({ id: "q2", wires: [["out"]] })]);
    const caught = await caughtInPoll("q2");
    assert.equal(code(caught[0]), "CURSOR_IN_USE");
  });

  for (const [what, properties, expected] of [
    ["a source of a later version", { source: "cases" }, "SOURCE_UNKNOWN"],
    ["criteria that the list of sessions cannot express", { source: "sessions", criteria: [{ filters: [{ term: "state", operator: "IS_NOT", value: "OPEN" }] }] }, "CRITERIA_UNSUPPORTED"],
    ["an end that is no instant", { cursorType: "none", until: "soon" }, "UNTIL_INVALID"],
    ["a saved search of another source", { source: "audit-log", savedSearch: "abc" }, "SAVED_SEARCH_SOURCE"],
    ["an operator that the term does not take", { criteria: [{ filters: [{ term: "file.name", operator: "CONTAINS", value: "a" }] }] }, "OPERATOR_UNKNOWN"],
    ["a cursor key with a path in it", { cursor: "a.b" }, "CURSOR_KEY_INVALID"],
    ["no cursor key", { cursor: "" }, "PROPERTY_EMPTY"],
    ["a page size that is no number", { pageSize: "many" }, "PROPERTY_NUMBER"],
    ["a start that is no instant", { startFrom: "yesterday" }, "START_FROM_INVALID"],
    ["criteria that are no groups", { criteria: [{ filters: "x" }] }, "CRITERIA_INVALID"],
    ["query JSON that is none", { criteriaType: "json", criteriaJson: "{" }, "CRITERIA_JSON_INVALID"],
    ["a missing tenant", { tenant: "gone" }, "TENANT_MISSING"],
  ] as const) {
    it(`refuses ${what} with ${expected} and a red status, and keeps running`, async () => {
      await load([query(properties)]);
      const caught = await caughtInPoll();
      assert.equal(code(caught[0]), expected);
      assert.equal(simulator.requests.length, 0);
    });
  }

  for (const [what, prepare, expected] of [
    ["a rejected client", () => simulator.faults.add({ kind: "status", status: 401, body: { error: "invalid_client" } }, { path: "/v1/oauth", times: Infinity }), "CLIENT_REJECTED"],
    ["a missing permission", () => simulator.faults.add({ kind: "status", status: 403 }, { times: Infinity }), "FORBIDDEN"],
    ["a login page in place of the API", () => simulator.faults.add({ kind: "login-page" }, { times: Infinity }), "NOT_JSON"],
  ] as const) {
    it(`reports ${what} to catch with an error of its own, and the cursor stays`, async () => {
      addEvents(5);
      prepare();
      await load([query()]);
      const status = recordStatus("q");
      const caught = await caughtInPoll();
      assert.equal(code(caught[0]), expected);
      await until(() => status.at(-1)?.fill === "red", "the status is red");
      assert.ok(!JSON.stringify(caught).includes(simulator.clientSecret));
      // Without a sign-in the node does not know the server's time, so it has no cursor at all.
      const kept = existsSync(join(folder, "context/global/global.json")) ? cursor(stored("global/global.json")["cursor_q"]) : null;
      assert.equal(kept?.lastInserted ?? null, null);
    });
  }

  it("counts a page that core split has split as delivered when every part is confirmed", async () => {
    addEvents(30);
    await load([
      query({ wires: [["split"]] }),
      { id: "split", type: "split", splt: "\\n", spltType: "str", arraySplt: 1, arraySpltType: "len", stream: false, addname: "", property: "payload", wires: [["out"]] },
    ]);
    const out = recordMessages("out");
    const status = recordStatus("q");
    getNode("q").receive({});
    await until(() => out.length === 30, "all parts arrive");
    confirmAll(out.slice(1));
    assert.equal(cursor(stored("global/global.json")["cursor_q"])?.lastInserted, null);
    confirmAll(out.slice(0, 1));
    await until(() => status.at(-1)?.text === "status.idle", "the poll ends");
    assert.ok(cursor(stored("global/global.json")["cursor_q"])?.lastInserted);
  });

  it("gets confirmations from other sinks by delivery-confirm behind complete, also on a branch that drops events", async () => {
    addEvents(40);
    await load([
      query({ output: "event", wires: [["switch"]] }),
      { id: "switch", type: "switch", property: "payload.risk.severity", propertyType: "msg", rules: [{ t: "eq", v: "NO_RISK_INDICATED", vt: "str" }, { t: "else" }], checkall: "true", repair: false, outputs: 2, wires: [["dropped"], ["sink"]] },
      { id: "sink", type: "function", func: "return null;", outputs: 1, wires: [[]] },
      { id: "complete", type: "complete", scope: ["sink"], wires: [["confirm"]] },
      { id: "confirm", type: "delivery-confirm", mode: "confirm", wires: [[]] },
      { id: "dropped", type: "delivery-confirm", mode: "confirm", wires: [[]] },
    ]);
    await pollToTheEnd();
    assert.ok(cursor(stored("global/global.json")["cursor_q"])?.lastInserted);
  });

  describe("with sinks that must all confirm", () => {
    const confirm = (id: string, properties: Record<string, unknown> = {}): FlowNode => ({ id, type: "delivery-confirm", name: `sink ${id}`, mode: "confirm", wires: [["out"]], ...properties });
    const lastInserted = () => cursor(stored("global/global.json")["cursor_q"])?.lastInserted;

    it("moves the cursor when all of them have confirmed, not when one has", async () => {
      addEvents(10);
      await load([query({ confirmedBy: ["a", "b"], wires: [["a", "held"]] }), confirm("a"), { id: "held", type: "helper", wires: [] }, confirm("b")]);
      const out = recordMessages("out");
      const held = recordMessages("held");
      const status = recordStatus("q");
      getNode("q").receive({});
      await until(() => out.length === 1 && held.length === 1, "both branches have the page");
      assert.equal(lastInserted(), null);
      getNode("b").receive(held[0]);
      await until(() => status.at(-1)?.text === "status.idle", "the poll ends");
      assert.ok(lastInserted());
    });

    it("accepts a confirmation that another node gives for the sinks", async () => {
      addEvents(40);
      await load([
        query({ output: "event", confirmedBy: ["a", "b"], wires: [["switch"]] }),
        { id: "switch", type: "switch", property: "payload.risk.severity", propertyType: "msg", rules: [{ t: "eq", v: "NO_RISK_INDICATED", vt: "str" }, { t: "else" }], checkall: "true", repair: false, outputs: 2, wires: [["dropped"], ["a", "b"]] },
        confirm("a"), confirm("b"), confirm("dropped", { confirmsFor: ["a", "b"] }),
      ]);
      await pollToTheEnd();
      assert.ok(lastInserted());
    });

    it("names the sink that did not confirm when it gives up", async function () {
      this.timeout(40_000);
      addEvents(3);
      await load([query({ confirmedBy: ["a", "b"], confirmTimeout: "0.05", wires: [["a"]] }), confirm("a"), confirm("b")]);
      const caught = await caughtInPoll("q", 35_000);
      assert.equal(code(caught[0]), "DELIVERY_UNCONFIRMED_BY");
      assert.match((caught[0]?.["error"] as Error).message, /confirmed by: sink b\./);
      assert.equal(lastInserted(), null);
    });

    for (const [what, sinks] of [["is not there", ["a", "gone"]], ["is disabled", ["a", "off"]]] as const) {
      it(`refuses a list with a sink that ${what}, and sends no request`, async () => {
        addEvents(3);
        await load([query({ confirmedBy: sinks }), confirm("a"), confirm("off", { d: true })]);
        const caught = await caughtInPoll();
        assert.equal(code(caught[0]), "SINK_MISSING");
        assert.equal(simulator.requests.length, 0);
      });
    }
  });

  it("sends again, then stops red with an error to catch, if a function node returns a new object", async function () {
    this.timeout(40_000);
    addEvents(3);
    await load([
      query({ confirmTimeout: "0.05", wires: [["fn"]] }),
      { id: "fn", type: "function", func: "return {payload: msg.payload};", outputs: 1, wires: [["confirm"]] },
      { id: "confirm", type: "delivery-confirm", mode: "confirm", wires: [["out"]] },
    ]);
    const out = recordMessages("out");
    const status = recordStatus("q");
    const caught = await caughtInPoll("q", 35_000);
    assert.equal(code(caught[0]), "DELIVERY_UNCONFIRMED");
    assert.equal(out.length, 4);
    await until(() => status.at(-1)?.fill === "red", "the status is red");
    assert.equal(cursor(stored("global/global.json")["cursor_q"])?.lastInserted, null);
  });

  it("answers a stats message with its figures, and serves them to Prometheus", async () => {
    addEvents(30);
    await load([query({ pageSize: "10", name: "Code42", wires: [["confirm"]] }), { id: "confirm", type: "delivery-confirm", name: "", mode: "confirm", wires: [["out"]] }]);
    const out = recordMessages("out");
    await pollToTheEnd();
    getNode("q").receive({ action: "stats" });
    await until(() => out.at(-1)?.["topic"] === "security-events/stats", "the answer passes both nodes");
    const [own, confirm] = out.at(-1)?.["payload"] as Record<string, unknown>[];
    assert.deepEqual([own?.["id"], own?.["name"], own?.["read"], own?.["sent"], own?.["confirmed"], own?.["resent"], own?.["pagesOut"]], ["q", "Code42", 30, 30, 30, 0, 0]);
    const { recovered, ...shown } = own?.["status"] as { recovered: string };
    assert.deepEqual(shown, { fill: "green", text: "status.idle" });
    // It was yellow while it looked where to start.
    assert.ok(Math.abs(Date.parse(recovered) - Date.now()) < 20_000, recovered);
    assert.equal(own?.["newestDeliveredTimestampSeconds"], Date.parse(cursor(stored("global/global.json")["cursor_q"])?.lastInserted ?? "") / 1000);
    assert.deepEqual([confirm?.["type"], confirm?.["confirmed"]], ["delivery-confirm", 3]);
    const response = await helper.request().get("/security-events/metrics").expect(200);
    assert.match(response.text, /^security_events_confirmed_total\{node="q",type="code42-query",name="Code42"\} 30$/m);
    await unloadFlow();
    assert.equal(metricsOfProcess().all().length, 0);
  });

  it("runs once per message without a cursor, and marks the last page", async () => {
    const ids = addEvents(250);
    await load([query({ cursorType: "none", cursor: "", pollInterval: "60", wires: [["confirm"]] }), { id: "confirm", type: "delivery-confirm", mode: "confirm", wires: [["out"]] }]);
    const out = recordMessages("out");
    const status = recordStatus("q");
    for (const round of [1, 2]) {
      getNode("q").receive({});
      await until(() => out.length === 3 * round && status.at(-1)?.text === "status.idle", "the query ends");
    }
    assert.deepEqual(eventIds(out), [...ids, ...ids]);
    assert.deepEqual(out.map(({ complete }) => complete), [undefined, undefined, true, undefined, undefined, true]);
    assert.ok(!existsSync(join(folder, "context/global/global.json")));
  });

  it("runs a saved search by name, together with its own criteria", async () => {
    simulator.savedSearches.push(makeSavedSearch({ id: "s1", name: "High risk", groups: [{ filterClause: "OR", filters: [{ term: "risk.severity", operator: "IS", value: "HIGH" }, { term: "risk.severity", operator: "IS", value: "CRITICAL" }] }] }));
    addEvents(200);
    await load([query({ savedSearch: "High risk", criteria: [{ filters: [{ term: "event.action", operator: "EXISTS" }] }] })]);
    const out = recordMessages("out");
    const status = recordStatus("q");
    getNode("out").on("input", ((message: FlowMessage) => deliveryRegistry().confirm(message)) as never);
    getNode("q").receive({});
    await until(() => status.at(-1)?.text === "status.idle", "the poll ends");
    const events = out.flatMap(({ payload }) => payload as { risk: { severity: string } }[]);
    assert.ok(events.length > 0 && events.length < 200);
    assert.ok(events.every(({ risk }) => ["HIGH", "CRITICAL"].includes(risk.severity)));
  });

  it("reports a missing saved search, and reads nothing", async () => {
    addEvents(3);
    await load([query({ savedSearch: "Gone" })]);
    const out = recordMessages("out");
    const caught = await caughtInPoll();
    assert.equal(code(caught[0]), "SAVED_SEARCH_MISSING");
    assert.equal(out.length, 0);
  });

  it("warns of an unknown term and of unusual raw query JSON, and polls nevertheless", async () => {
    for (const properties of [
      { criteria: [{ filters: [{ term: "file.brandNew", operator: "EXISTS" }] }] },
      { criteriaType: "json", criteriaJson: JSON.stringify([{ filters: [{ term: "file.sizeInBytes", operator: "IS_NOT", value: 7 }] }]) },
    ]) {
      addEvents(3);
      await load([query(properties)]);
      await until(() => simulator.requests.length === 0, "nothing was asked yet");
      getNode("q").receive({});
      await until(() => simulator.requests.some(({ path }) => path.includes("file-events")), "Code42 is asked");
      await unloadFlow();
      simulator.requests.length = 0;
    }
  });

  it("is silent after it was closed", async () => {
    addEvents(2000);
    // The registry belongs to the whole process: other open deliveries are not this node's.
    const { size } = deliveryRegistry();
    await load([query({ pagesOut: "2", pollInterval: "0.05" })]);
    const out = recordMessages("out");
    await until(() => out.length === 2, "two pages are in flight");
    assert.equal(deliveryRegistry().size, size + 2);
    await sleep(100);
    const { length } = simulator.requests;
    const closed = unloadFlow();
    confirmAll(out.slice(0, 1));
    await closed;
    assert.equal(deliveryRegistry().size, size);
    confirmAll(out);
    await sleep(100);
    assert.deepEqual([simulator.requests.length, out.length], [length, 2]);
  });
});
