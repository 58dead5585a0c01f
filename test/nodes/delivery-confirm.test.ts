import assert from "node:assert/strict";
import confirmNode from "../../nodes/delivery-confirm";
import { deliveryRegistry } from "../../src/delivery/registry";
import { coreNode, getNode, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until } from "../support/node-red";

const catchNode = coreNode("common/25-catch.js");

describe("delivery-confirm", () => {
  let events: string[];
  let token: string;
  const open = (count: number) => {
    events = [];
    token = deliveryRegistry().open(count, {
      confirmed: (index) => events.push(`confirmed ${index}`),
      rejected: (index, reason) => events.push(`rejected ${index}: ${reason.message}`),
      holdChanged: () => undefined,
    });
  };
  const flow = (mode: string) => loadFlow([confirmNode, catchNode], [
    { id: "n", type: "delivery-confirm", name: "after HEC", mode, wires: [["out"]] },
    { id: "out", type: "helper", wires: [] },
    { id: "catcher", type: "catch", scope: null, wires: [["caught"]] },
    { id: "caught", type: "helper", wires: [] },
  ]);

  before(startServer);
  after(stopServer);
  afterEach(unloadFlow);

  it("confirms a message and passes it on unchanged", async () => {
    await flow("confirm");
    open(2);
    const passed = recordMessages("out");
    const status = recordStatus("n");
    getNode("n").receive({ payload: "x", delivery: { token, index: 1, count: 2 } });
    await until(() => passed.length === 1, "the message is passed on");
    assert.equal(passed[0]?.["payload"], "x");
    assert.deepEqual(passed[0]?.["delivery"], { token, index: 1, count: 2 });
    assert.deepEqual(events, ["confirmed 1"]);
    assert.deepEqual(status.at(-1), { fill: "green", shape: "dot", text: "status.confirmed" });
  });

  it("confirms the whole page behind a join", async () => {
    await flow("confirm-page");
    open(3);
    const passed = recordMessages("out");
    getNode("n").receive({ payload: [1, 2, 3], delivery: { token, index: 2, count: 3 } });
    await until(() => passed.length === 1, "the message is passed on");
    assert.deepEqual(events, ["confirmed 0", "confirmed 1", "confirmed 2"]);
  });

  it("rejects with the reason of a catch node, or else with its own name", async () => {
    await flow("reject");
    open(2);
    const passed = recordMessages("out");
    getNode("n").receive({ delivery: { token, index: 0, count: 2 }, error: { message: "HTTP 503" } });
    getNode("n").receive({ delivery: { token, index: 1, count: 2 } });
    await until(() => passed.length === 2, "both are passed on");
    assert.deepEqual(events, ["rejected 0: HTTP 503", "rejected 1: reason.rejected"]);
  });

  it("passes on messages without a delivery, and shows that an unknown token had nothing to confirm", async () => {
    await flow("confirm");
    const unknown = deliveryRegistry().counters.unknown;
    const passed = recordMessages("out");
    const status = recordStatus("n");
    getNode("n").receive({ payload: 1 });
    await until(() => passed.length === 1, "it is passed on");
    assert.equal(status.length, 0);
    getNode("n").receive({ payload: 2, delivery: { token: "earlier:1", index: 0, count: 1 } });
    await until(() => status.length === 1, "the status shows it");
    assert.equal(status[0]?.text, "status.ignored");
    assert.equal(deliveryRegistry().counters.unknown, unknown + 1);
  });

  it("refuses every message if its mode is wrong, and reports that", async () => {
    await flow("maybe");
    open(1);
    const caught = recordMessages("caught");
    getNode("n").receive({ delivery: { token, index: 0, count: 1 } });
    await until(() => caught.length > 0, "catch sees it");
    assert.equal((caught.at(-1)?.["error"] as { code: string }).code, "PROPERTY_CHOICE");
    assert.deepEqual(events, []);
  });
});
