import assert from "node:assert/strict";
import { plain } from "../../../src/common/border";
import { fabricError } from "../../../src/dxl/fabric-errors";
import type { FabricState } from "../../../src/dxl/fabric";
import { subscriberStatus } from "../../../src/dxl/status";
import type { Subscriber } from "../../../src/dxl/subscriber";

const TOPIC = "/mcafee/event/epo/threat/response";

function statusOf(state: Partial<FabricState>, counts: Partial<Pick<Subscriber, "received" | "lastAt" | "dropped">> = {}) {
  const whole: FabricState = { phase: "connected", broker: "broker.example.com:8883", error: undefined, ...state };
  const [fill, key, params] = subscriberStatus({ state: whole, topics: [TOPIC], received: 0, lastAt: 0, dropped: 0, ...counts } as unknown as Subscriber);
  return { shown: `${fill} ${key}`, params };
}

describe("the status of a threat event subscriber", () => {
  it("names the broker until the first event, then counts the events and tells the time of the last one", () => {
    assert.deepEqual(statusOf({}), { shown: "green status.connected", params: { broker: "broker.example.…" } });
    assert.deepEqual(statusOf({ broker: "[::1]:8883" }).params, { broker: "[::1]" });
    const { shown, params } = statusOf({}, { received: 7, lastAt: new Date(2026, 0, 2, 3, 4, 5).getTime() });
    assert.equal(shown, "green status.received");
    assert.deepEqual(params, { count: 7, time: "03:04:05" });
  });

  it("is blue while it connects, red with the cause when it cannot, yellow when events were dropped, grey at the end", () => {
    assert.equal(statusOf({ phase: "connecting" }).shown, "blue status.connecting");
    assert.equal(statusOf({ phase: "waiting", error: fabricError("BROKER_CLOSED") }).shown, "red status.BROKER_CLOSED");
    assert.equal(statusOf({}, { dropped: 3, received: 9 }).shown, "yellow status.dropped");
    assert.equal(statusOf({ phase: "closed" }).shown, "grey status.closed");
  });

  it("is red for a refused topic of its own, not of another node", () => {
    assert.equal(statusOf({ error: fabricError("SUBSCRIPTION_REFUSED", plain.params({ filter: TOPIC })) }).shown, "red status.SUBSCRIPTION_REFUSED");
    assert.equal(statusOf({ error: fabricError("SUBSCRIPTION_REFUSED", plain.params({ filter: "/other" })) }).shown, "green status.connected");
  });
});
