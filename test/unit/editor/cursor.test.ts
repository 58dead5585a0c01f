import assert from "node:assert/strict";
import { keyOf, proposeCursor, type CursorOwner } from "../../../src/editor/cursor-key";
import { cursorMove } from "../../../src/editor/cursor-move";
import english from "../../../nodes/locales/en-US/code42-query.json";
import german from "../../../nodes/locales/de/code42-query.json";

describe("the cursor key of a new query", () => {
  const other: CursorOwner = { id: "1111111111", type: "code42-query", z: "tab", source: "file-events", cursor: "events", cursorType: "global" };
  const node: CursorOwner = { ...other, id: "2222222222" };
  const own = "code42_file_events_222222";

  it("is a new one if the query has none or shares it with a query in the same place", () => {
    assert.equal(proposeCursor({ ...node, cursor: "" }, [other]), own);
    assert.equal(proposeCursor(node, [other]), own);
    assert.equal(proposeCursor({ ...node, cursor: "#:(file)::events" }, [{ ...other, cursor: "#:(file)::events" }]), `#:(file)::${own}`);
    assert.equal(proposeCursor({ ...node, cursor: "#:(default)::events" }, [other]), `#:(default)::${own}`);
    assert.equal(proposeCursor({ ...node, cursorType: "flow" }, [{ ...other, cursorType: "flow" }]), own);
    assert.equal(keyOf("#:(file)::events"), "events");
  });

  it("stays if the other query keeps its cursor in another place", () => {
    const flow = { ...node, cursorType: "flow" };
    for (const [one, another] of [
      [node, node], [node, { ...other, type: "function" }], [node, { ...other, cursor: "#:(file)::events" }], [flow, other], [flow, { ...other, cursorType: "flow", z: "tab 2" }],
      [{ ...node, cursorType: "node" }, { ...other, cursorType: "node" }], [{ ...node, cursorType: "none" }, other],
    ] as const) assert.equal(proposeCursor(one, [another]), "events", JSON.stringify(another));
  });
});

describe("setting a cursor by hand", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  const floor = "2026-01-31T08:00:00.000Z";
  const question = (value: string, from: string | null = floor) => {
    const move = cursorMove(value, from, now);
    return "question" in move ? move : assert.fail(JSON.stringify(move));
  };
  const refused = (value: string) => {
    const move = cursorMove(value, floor, now);
    return "refused" in move ? move.refused.key : assert.fail(JSON.stringify(move));
  };

  it("asks with the old and the new position, and warns if events will never be read", () => {
    assert.deepEqual(question("2026-01-31T09:00:00Z"), { question: "panel.confirmForward", from: floor, to: "2026-01-31T09:00:00.000Z" });
    assert.deepEqual(question("1769846400.5"), { question: "panel.confirmForward", from: floor, to: "2026-01-31T08:00:00.500Z" });
    assert.deepEqual(question("2026-01-30"), { question: "panel.confirmBack", from: floor, to: "2026-01-30T00:00:00.000Z" });
    assert.deepEqual(question("2026-01-30", null), { question: "panel.confirmFirst", to: "2026-01-30T00:00:00.000Z" });
  });

  it("asks without comparing positions for an event id, which the runtime looks up", () => {
    const id = "0_1d71796f-af5b-4231-9d8e-df6434da4663_935873453596901068_956171635867906205_5";
    assert.deepEqual(question(id), { question: "panel.confirmEvent", from: floor, to: id });
    assert.deepEqual(question(`{"groups": [], "pgToken": "${id}"}`), { question: "panel.confirmEvent", from: floor, to: id });
    assert.match(refused('{"groups": [], "pgToken": null}'), /:error\.CHECKPOINT_IS_QUERY$/);
  });

  it("refuses an instant in the future, and text that is not an instant", () => {
    assert.equal(refused("2026-01-31T12:00:01Z"), "panel.future");
    assert.match(refused("tomorrow"), /:error\.CURSOR_VALUE_INVALID$/);
    assert.match(refused(""), /:error\.CURSOR_VALUE_INVALID$/);
  });

  it("has its questions in both languages, with both positions", () => {
    for (const { panel } of [english, german]) {
      for (const each of [panel.confirmForward, panel.confirmBack, panel.confirmEvent]) assert.match(each, /__from__[^]*__to__|__to__[^]*__from__/);
      for (const each of [panel.confirmFirst, panel.future]) assert.match(each, /__to__/);
    }
  });
});
