/** Pages pass core nodes that regroup, delay and redirect messages: a page is confirmed when all of its parts are. */
import assert from "node:assert/strict";
import tenantNode from "../../nodes/code42-tenant";
import queryNode from "../../nodes/code42-query";
import confirmNode from "../../nodes/delivery-confirm";
import { makeFileEvent } from "../../src/simulator/events";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { coreNode, getNode, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";

const nodes = [
  tenantNode, queryNode, confirmNode, coreNode("common/25-catch.js"), coreNode("common/60-link.js"), coreNode("sequence/17-split.js"),
  coreNode("sequence/19-batch.js"), coreNode("function/89-delay.js"),
];
const EVENTS = 40;
const split = (id: string, size: number, to: string): FlowNode => ({
  id, type: "split", splt: "\\n", spltType: "str", arraySplt: size, arraySpltType: "len", stream: false, addname: "", property: "payload", wires: [[to]],
});
const batch = (id: string, count: number, to: string): FlowNode => ({
  id, type: "batch", mode: "count", count: String(count), overlap: "0", interval: "1", allowEmptySequence: false, topics: [], honourParts: false, wires: [[to]],
});
const join = (id: string, to: string): FlowNode => ({ id, type: "join", mode: "auto", build: "array", property: "payload", propertyType: "msg", key: "topic", joiner: "\\n", joinerType: "str", accumulate: false, timeout: "", count: "", reduceRight: false, wires: [[to]] });
const confirm = (mode = "confirm"): FlowNode => ({ id: "confirm", type: "delivery-confirm", name: "the sink", mode, wires: [["out"]] });

describe("delivery through core nodes", () => {
  let simulator: TenantSimulator;

  before(startServer);
  after(stopServer);
  beforeEach(async () => {
    simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
    simulator.add(Array.from({ length: EVENTS }, (_, index) => makeFileEvent(index, { insertedUs: (Date.now() - 3_600_000 + index) * 1000 })));
  });
  afterEach(async () => {
    await unloadFlow();
    await simulator.close();
  });

  /** Polls once through `flow`; resolves with the messages at its end once all events count as confirmed. */
  async function poll(properties: Record<string, unknown>, flow: FlowNode[]): Promise<Record<string, unknown>[]> {
    await loadFlow(nodes, [
      { id: "t", type: "code42-tenant", baseUrl: simulator.url, authType: "api-client" },
      { id: "q", type: "code42-query", tenant: "t", pollInterval: "0", pageSize: "20", cursor: "cursor_core", cursorType: "global", confirmTimeout: "20", ...properties },
      ...flow,
      { id: "out", type: "helper", wires: [] },
    ], { credentials: { t: { clientId: simulator.clientId, clientSecret: simulator.clientSecret } } });
    const out = recordMessages("out");
    const status = recordStatus("q");
    getNode("q").receive({});
    await until(() => status.at(-1)?.text === "status.idle" || status.at(-1)?.fill === "red", "the poll ends", 15_000);
    assert.equal(status.at(-1)?.fill, "green");
    getNode("q").receive({ action: "stats" });
    await until(() => out.some(({ topic }) => topic === "security-events/stats"), "the figures come");
    const [figures] = out.find(({ topic }) => topic === "security-events/stats")?.["payload"] as Record<string, unknown>[];
    assert.equal(figures?.["confirmed"], EVENTS);
    assert.equal(figures?.["resent"], 0);
    return out.filter(({ topic }) => topic !== "security-events/stats");
  }

  /** Stats messages have no sequence, so they bypass the nodes that need one. */
  const aside = { wires: [["first", "out"]] };

  it("split, once and again", async () => {
    const out = await poll({ ...aside }, [split("first", 5, "second"), split("second", 1, "confirm"), confirm()]);
    assert.ok(out.length >= EVENTS);
  });

  it("batch", async () => {
    await poll({ output: "event", wires: [["first"]] }, [batch("first", 1, "confirm"), confirm()]);
    await unloadFlow();
    await poll({ output: "event", ...aside }, [batch("first", 8, "confirm"), confirm()]);
  });

  it("batch and split", async () => {
    await poll({ output: "event", ...aside }, [batch("first", 8, "second"), { ...split("second", 1, "confirm"), type: "split" }, confirm()]);
  });

  it("join, followed by a confirmation of the whole page", async () => {
    const out = await poll({ output: "event", ...aside }, [join("first", "confirm"), confirm("confirm-page")]);
    assert.ok(out.filter(({ payload }) => Array.isArray(payload)).length >= 2);
  });

  it("split and join", async () => {
    await poll({ ...aside }, [split("first", 1, "join"), join("join", "confirm"), confirm("confirm-page")]);
  });

  it("delay", async () => {
    await poll({ output: "event", ...aside }, [
      { id: "first", type: "delay", pauseType: "rate", timeout: "1", timeoutUnits: "seconds", rate: "100", nbRateUnits: "1", rateUnits: "second", randomFirst: "1", randomLast: "5", randomUnits: "seconds", drop: false, allowrate: false, outputs: 1, wires: [["confirm"]] },
      confirm(),
    ]);
  });

  it("link", async () => {
    await poll({ wires: [["first"]] }, [
      { id: "first", type: "link out", mode: "link", links: ["in"], wires: [] },
      { id: "in", type: "link in", links: ["first"], wires: [["confirm"]] },
      confirm(),
    ]);
  });

  it("a subflow with the sink in it, also if the query names that sink", async () => {
    const subflow: FlowNode[] = [
      { id: "sub", type: "subflow", name: "to the SIEM", in: [{ x: 50, y: 30, wires: [{ id: "inside" }] }], out: [{ x: 300, y: 30, wires: [{ id: "inside", port: 0 }] }] },
      { id: "inside", type: "delivery-confirm", z: "sub", x: 150, y: 30, name: "inside", mode: "confirm", wires: [[]] },
    ];
    for (const confirmedBy of [[], ["inside"]]) {
      await poll({ confirmedBy, wires: [["first"]] }, [...subflow, { id: "first", type: "subflow:sub", wires: [["out"]] }]);
      await unloadFlow();
    }
  });
});
