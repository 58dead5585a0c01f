import assert from "node:assert/strict";
import { alertKind, TENANT_ID } from "../../../src/simulator/alerts";
import { auditKind } from "../../../src/simulator/audit-log";
import { sessionKind } from "../../../src/simulator/sessions";

const START_MS = Date.parse("2025-03-01T10:00:00.000Z");

describe("made records of the simulated tenant", () => {
  for (const [name, kind] of [["alerts", alertKind(3, TENANT_ID)], ["sessions", sessionKind(3, TENANT_ID)], ["audit entries", auditKind(3)]] as const) {
    it(`${name} are the same for the same number, and have settled when their kind says so`, () => {
      for (let index = 0; index < 200; index++) {
        assert.deepEqual(kind.make(index, START_MS, START_MS + kind.settlesInMs), kind.make(index, START_MS, Infinity));
      }
    });
  }
});
