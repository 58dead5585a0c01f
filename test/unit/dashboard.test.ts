import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { examples } from "../support/examples";

/** The function of the dashboard example that makes its lines from the figures of all nodes, as Node-RED runs it. */
function health(...messages: object[]): { payload: unknown; visible?: boolean }[] {
  const { func } = examples().flatMap(({ flow }) => flow).find(({ id }) => id === "siem13func000002") as unknown as { func: string };
  const stored = new Map<string, unknown>();
  const context = { get: (key: string) => stored.get(key), set: (key: string, value: unknown) => void stored.set(key, value) };
  const run = runInNewContext(`(function (msg) { ${func} })`, { context }) as (message: object) => { payload: unknown; visible?: boolean }[];
  return messages.map((message) => run(message)).at(-1) ?? [];
}

const status = (id: string, fill: string, text: string) => ({ status: { fill, text, source: { id } } });
const lineOf = (...messages: object[]) => {
  const { payload, visible } = health(...messages).at(-1) ?? {};
  return { payload, visible };
};

describe("the dashboard's line about several instances", () => {
  const query = { id: "q", type: "code42-query", name: "Files" };

  it("says who reads and what waits in the stream", () => {
    const stream = [{ id: "o", type: "event-stream-out", name: "", streamPending: 1200 }, { id: "i", type: "event-stream-in", name: "", streamPending: 1100 }];
    assert.deepEqual(lineOf({ payload: [{ ...query, active: 1 }, ...stream] }), { payload: "Files: active on this instance · 1,200 messages wait in the stream", visible: true });
    assert.deepEqual(lineOf(status("q", "grey", "standby (host-2)"), { payload: [{ ...query, active: 0 }] }), { payload: "Files: standby (host-2)", visible: true });
    assert.deepEqual(lineOf({ payload: [{ ...query, active: 0 }] }), { payload: "Files: standby", visible: true });
  });

  it("is hidden in a Node-RED that is alone", () => {
    assert.deepEqual(lineOf({ payload: [query, { id: "s", type: "syslog-out", name: "SIEM", sent: 3 }] }), { payload: "", visible: false });
  });
});
