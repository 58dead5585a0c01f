import assert from "node:assert/strict";
import { syslogError } from "../../../src/syslog/errors";
import type { Sender } from "../../../src/syslog/sender";
import { senderStatus } from "../../../src/syslog/status";

/** Colour and key of the status. */
function statusOf(condition: Partial<Pick<Sender, "state" | "queued" | "lastError" | "failures" | "overflowing">>): string {
  const counters = { received: 0, delivered: 7, resent: 0, refused: 0, dropped: 0, shortened: 0, bytes: 0, reconnects: 0 };
  const [fill, key] = senderStatus({ state: "up", queued: 0, lastError: undefined, failures: 0, overflowing: 0, counters, ...condition } as Sender);
  return `${fill} ${key}`;
}

const refused = syslogError("CONNECTION_REFUSED");
const untrusted = syslogError("CONNECTION_REFUSED", {}, { permanent: true });

describe("the status of a sender", () => {
  it("is green while lines get through, blue while it connects, grey when closed", () => {
    assert.equal(statusOf({}), "green status.delivered");
    assert.equal(statusOf({ state: "connecting" }), "blue status.connecting");
    assert.equal(statusOf({ state: "closed", lastError: refused, failures: 9 }), "grey status.closed");
  });

  it("is yellow while lines wait for the server, and red with the cause after three failed attempts", () => {
    assert.equal(statusOf({ state: "waiting", queued: 5, lastError: refused, failures: 1 }), "yellow status.queued");
    assert.equal(statusOf({ state: "waiting", queued: 5, lastError: refused, failures: 3 }), "red status.CONNECTION_REFUSED");
    assert.equal(statusOf({ queued: 5, lastError: refused, failures: 3 }), "yellow status.queued");
    assert.equal(statusOf({ lastError: refused, failures: 0 }), "green status.delivered");
  });

  it("is red at once, and stays so, when somebody has to change something", () => {
    assert.equal(statusOf({ state: "waiting", lastError: untrusted, failures: 1 }), "red status.CONNECTION_REFUSED");
    assert.equal(statusOf({ lastError: untrusted, failures: 1 }), "red status.CONNECTION_REFUSED");
  });

  it("is yellow while lines are dropped", () => {
    assert.equal(statusOf({ overflowing: 3, queued: 9 }), "yellow status.dropped");
  });
});
