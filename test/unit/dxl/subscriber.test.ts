import assert from "node:assert/strict";
import { InHand } from "../../../src/delivery/in-hand";
import type { FabricListener } from "../../../src/dxl/fabric";
import { encodeEvent } from "../../../src/dxl/message";
import { readSettings, Subscriber } from "../../../src/dxl/subscriber";
import { TestClock } from "../../support/syslog-sender";

describe("a subscriber", () => {
  it("counts each event as sent, dropped or unreadable, and reports the dropped ones with their number", async () => {
    const clock = new TestClock();
    const listeners: FabricListener[] = [];
    const errors: unknown[] = [];
    let sent = 0;
    const subscriber = new Subscriber(readSettings({ topics: ["/a", "/b"], payloadType: "json", queueEvents: 5 }), {
      fabric: { subscribe: (_filter, listener) => {
        listeners.push(listener);
        return () => undefined;
      } },
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
    assert.deepEqual(subscriber.figures, { read: 200, sent: 104, dropped: { queue_full: 95, unreadable: 1 }, waiting: 0, connected: 0 });
    assert.deepEqual(errors, [["PAYLOAD_NOT_JSON", undefined], ["EVENTS_DROPPED", 1], ["EVENTS_DROPPED", 94]]);
  });
});
