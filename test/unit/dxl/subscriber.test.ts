import assert from "node:assert/strict";
import { InHand } from "../../../src/delivery/in-hand";
import type { FabricListener } from "../../../src/dxl/fabric";
import { encodeEvent } from "../../../src/dxl/message";
import { readSettings, Subscriber, type SubscriberDependencies } from "../../../src/dxl/subscriber";
import { TestClock } from "../../support/syslog-sender";

const fabricOf = (listeners: FabricListener[]): SubscriberDependencies["fabric"] => ({ subscribe: (_filter, listener) => {
  listeners.push(listener);
  return () => undefined;
} });

describe("a subscriber", () => {
  it("counts the events that it had to repair", () => {
    const listeners: FabricListener[] = [];
    const subscriber = new Subscriber(readSettings({}), { fabric: fabricOf(listeners), inHand: new InHand(), clock: new TestClock(), send: () => undefined, error: (error) => assert.fail(error), changed: () => undefined });
    subscriber.start();
    for (const payload of [Buffer.from('{"a":"ü"}', "latin1"), Buffer.from("{}\0"), Buffer.from("{}")]) listeners[0]?.message("/a", encodeEvent({ messageId: "{m}", payload }));
    assert.deepEqual([subscriber.figures.sent, subscriber.figures.repaired], [3, 2]);
    subscriber.close();
  });

  it("says of an event that it cannot read who sent it, as far as that is readable", () => {
    const listeners: FabricListener[] = [];
    const said: unknown[] = [];
    const subscriber = new Subscriber(readSettings({}), {
      fabric: fabricOf(listeners), inHand: new InHand(), clock: new TestClock(), send: () => assert.fail("sent"), error: ({ code }, { dxl }) => void said.push([code, dxl]), changed: () => undefined,
    });
    subscriber.start();
    const sent = encodeEvent({ messageId: "{m}", sourceClientId: "client", sourceBrokerId: "broker", payload: "no JSON", sourceTenantGuid: "tenant" });
    for (const bytes of [sent, sent.subarray(0, sent.indexOf("broker") + 3), Buffer.from("no message"), Buffer.alloc(0)]) listeners[0]?.message("/a", bytes);
    assert.deepEqual(said, [
      ["PAYLOAD_NOT_JSON", {
        messageId: "{m}", sourceClientId: "client", sourceBrokerId: "broker", brokerIds: [], clientIds: [], otherFields: {}, version: 3, sourceTenantGuid: "tenant", destinationTenantGuids: [],
      }],
      ["NOT_A_DXL_MESSAGE", { messageId: "{m}", sourceClientId: "client", version: 3 }],
      ["NOT_A_DXL_MESSAGE", { version: 110 }],
      ["NOT_A_DXL_MESSAGE", {}],
    ]);
    subscriber.close();
  });

  it("holds a hundred thousand events and 64 MiB by default, whichever comes first", async () => {
    for (const [size, events] of [[100, 100_000], [700_000, 95]] as const) {
      const listeners: FabricListener[] = [];
      let dropped = 0;
      const subscriber = new Subscriber(readSettings({}), {
        fabric: fabricOf(listeners), inHand: new InHand(), clock: new TestClock(), send: () => undefined, error: ({ params }) => void (dropped += Number(params["count"])), changed: () => undefined,
      });
      subscriber.start();
      const event = encodeEvent({ messageId: "{m}", payload: JSON.stringify("x".repeat(size)) });
      // The first 100 are handed on at once.
      for (let index = 0; index < events + 101; index++) listeners[0]?.message("/a", event);
      assert.equal(subscriber.figures.waiting, events);
      assert.equal(dropped, 1);
      subscriber.close();
    }
  });

  it("counts each event as sent, dropped or unreadable, and reports the dropped ones with their number", async () => {
    const clock = new TestClock();
    const listeners: FabricListener[] = [];
    const errors: unknown[] = [];
    let sent = 0;
    const subscriber = new Subscriber(readSettings({ topics: ["/a", "/b"], payloadType: "json", queueEvents: 5 }), {
      fabric: fabricOf(listeners),
      inHand: new InHand(),
      clock,
      send: () => void (sent += 1),
      error: ({ code, params }) => void errors.push([code, params["count"]]),
      changed: () => undefined,
    });
    subscriber.start();
    const event = (payload: string) => encodeEvent({ messageId: "{m}", payload });
    // 100 are handed on at once and 5 wait.
    for (let index = 0; index < 200; index++) listeners[index % 2]?.message("/a", event(index === 7 ? "not JSON" : "{}"));
    await clock.advance(10_000);
    assert.equal(sent, 104);
    assert.deepEqual(subscriber.figures, { read: 200, sent: 104, repaired: 0, dropped: { queue_full: 95, unreadable: 1 }, waiting: 0, connected: 0 });
    assert.deepEqual(errors, [["PAYLOAD_NOT_JSON", undefined], ["EVENTS_DROPPED", 1], ["EVENTS_DROPPED", 94]]);
  });
});
