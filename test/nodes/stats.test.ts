import assert from "node:assert/strict";
import type { Colour } from "../../src/common/status-colour";
import { StatusLine, type StatusTarget } from "../../src/node-red/report";
import { NodeStats } from "../../src/node-red/stats";

describe("the status and the last error in a node's figures", () => {
  const node: StatusTarget & { id: string; type: string } = { id: "n", type: "syslog-out", status: () => undefined };
  let stats: NodeStats;
  let line: StatusLine;
  beforeEach(() => {
    delete node.shownStatus;
    stats = new NodeStats(node);
    line = new StatusLine(node, (key) => `text of ${key}`);
  });
  afterEach(() => stats.close());

  const show = (fill: Colour) => {
    line.show(fill, fill);
    line.close();
  };
  const recovered = () => stats.read().lastError?.recovered;

  it("the status is what the node shows", () => {
    assert.equal(stats.read().status, undefined);
    show("yellow");
    assert.deepEqual(stats.read().status, { fill: "yellow", text: "text of yellow", recovered: undefined });
    show("green");
    const { recovered: time = "" } = stats.read().status ?? {};
    show("blue");
    assert.deepEqual([stats.read().status?.recovered, Math.abs(Date.parse(time) - Date.now()) < 1000], [time, true]);
  });

  it("an error is over when the status is green after it was red, and stays so while the node is busy", () => {
    show("green");
    stats.failed(new Error("refused"));
    show("red");
    show("blue");
    assert.equal(recovered(), undefined);
    const before = new Date().toISOString();
    show("green");
    const time = recovered() ?? "";
    assert.ok(time >= before && time <= new Date().toISOString(), time);
    show("blue");
    assert.equal(recovered(), time);
  });

  it("an error of one event, with a status that stays green, is not called recovered", async () => {
    show("red");
    show("green");
    await new Promise((resolve) => setTimeout(resolve, 5));
    stats.failed(new Error("one event"));
    show("blue");
    show("green");
    assert.equal(recovered(), undefined);
  });
});
