import assert from "node:assert/strict";
import { reachFrom, type FlowItem } from "../../../src/editor/wires";

const node = (id: string, type: string, wires: string[][] = [], more: object = {}): FlowItem => ({ id, type, z: "tab", wires, ...more });
const reached = (flow: FlowItem[], start = "q") => reachFrom(flow, start).nodes.map(({ id }) => id).sort();

describe("the nodes that a message can reach", () => {
  it("are found through every output, once each, also in a loop", () => {
    const flow = [node("q", "code42-query", [["a", "b"]]), node("a", "function", [["b"], ["c"]]), node("b", "junction", [["q", "a"]]), node("c", "debug"), node("away", "debug")];
    assert.deepEqual(reached(flow), ["a", "b", "c"]);
  });

  it("exclude disabled nodes and tabs, and the nodes behind them", () => {
    const flow = [
      { id: "off", type: "tab", disabled: true }, node("q", "code42-query", [["a", "b"]]), node("a", "function", [["c"]], { d: true }), node("c", "syslog-out"),
      node("b", "link out", [], { links: ["in"] }), node("in", "link in", [["d"]], { z: "off" }), node("d", "syslog-out", [], { z: "off" }),
    ];
    assert.deepEqual(reached(flow), ["b"]);
  });

  it("are found through link nodes, in their direction only, and marked as incomplete behind a dynamic link call", () => {
    const flow = [node("q", "code42-query", [["out"]]), node("out", "link out", [], { links: ["in"] }), node("in", "link in", [["c"]], { links: ["out", "other"] }), node("c", "debug"), node("other", "link out", [], { links: ["in"] })];
    assert.deepEqual(reached(flow), ["c", "in", "out"]);
    assert.equal(reachFrom(flow, "q").complete, true);
    const call = (linkType: string) => [node("q", "code42-query", [["call"]]), node("call", "link call", [["d"]], { links: ["in"], linkType }), node("in", "link in", [["c"]]), node("c", "debug"), node("d", "debug")];
    assert.deepEqual(reached(call("static")), ["c", "call", "d", "in"]);
    assert.equal(reachFrom(call("static"), "q").complete, true);
    assert.equal(reachFrom(call("dynamic"), "q").complete, false);
  });

  it("are found inside subflows, and behind the outputs of each instance", () => {
    const flow = [
      { id: "sub", type: "subflow", in: [{ wires: [{ id: "inside" }] }], out: [{ wires: [] }, { wires: [{ id: "inside", port: 0 }] }] },
      node("inside", "function", [[]], { z: "sub" }), node("q", "code42-query", [["one"]]),
      node("one", "subflow:sub", [["not"], ["yes"]]), node("not", "debug"), node("yes", "syslog-out"),
    ];
    assert.deepEqual(reached(flow), ["inside", "one", "yes"]);
    assert.deepEqual(reached(flow, "inside"), ["yes"]);
    const straight = [{ id: "sub", type: "subflow", in: [{ wires: [] }], out: [{ wires: [{ id: "sub", port: 0 }] }] }, node("q", "code42-query", [["one"]]), node("one", "subflow:sub", [["yes"]]), node("yes", "syslog-out")];
    assert.deepEqual(reached(straight), ["one", "yes"]);
  });

  it("are found behind a complete node that watches one of them", () => {
    const flow = [node("q", "code42-query", [["mail"]]), node("mail", "e-mail"), node("done", "complete", [["c"]], { scope: ["mail"] }), node("c", "delivery-confirm"), node("else", "complete", [["x"]], { scope: ["x"] }), node("x", "debug")];
    assert.deepEqual(reached(flow), ["c", "done", "mail"]);
  });
});
