/** Registry and tracker against a model: whatever is confirmed, held, rejected, repeated or made up, in any order. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { DeliveryRegistry } from "../../../src/delivery/registry";
import { DeliveryTracker, type TrackerFailure } from "../../../src/delivery/tracker";

const PAGES = 4;
const UNITS = 3;

type Step =
  | { do: "confirm" | "hold" | "release" | "reject"; page: number; unit: number }
  | { do: "confirmPage"; page: number }
  /** A message of an earlier run, of a finished page, or one that somebody made up. */
  | { do: "foreign"; token: string; index: number; count: number };

const page = fc.nat(PAGES - 1);
const unit = fc.nat(UNITS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("confirm" as const), page, unit }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("hold" as const, "release" as const), page, unit }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reject" as const), page, unit }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("confirmPage" as const), page }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("foreign" as const), token: fc.constantFrom("0123456789ab:1", "", "__proto__"), index: fc.nat(5), count: fc.nat(5) }) },
);

describe("delivery registry and tracker", () => {
  it("settle each unit once and commit the longest confirmed head, for any order of anything", async function () {
    this.timeout(60_000);
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const registry = new DeliveryRegistry();
      const committed: number[] = [];
      const failures: TrackerFailure<{ name: number; units: number }>[] = [];
      const tokens: string[] = [];
      const tracker = new DeliveryTracker<{ name: number; units: number }>(
        { pagesOut: PAGES, confirmTimeoutMs: 60_000, confirm: true, resendDelayMs: 60_000 },
        {
          registry,
          random: () => 0.5,
          send: async ({ name }, token) => {
            tokens[name] = token ?? "";
          },
          commit: async (pages) => void committed.push(...pages.map(({ name }) => name)),
          failed: (failure) => failures.push(failure),
          resending: () => undefined,
        },
      );
      const { signal } = new AbortController();
      for (let name = 0; name < PAGES; name++) await tracker.add({ name, units: UNITS }, signal);

      const open = Array.from({ length: PAGES }, () => new Set(Array.from({ length: UNITS }, (_, index) => index)));
      const releases = new Map<string, (() => void)[]>();
      const head = () => {
        const first = open.findIndex((units) => units.size > 0);
        return Array.from({ length: first < 0 ? PAGES : first }, (_, name) => name);
      };
      for (const action of steps) {
        if (action.do === "foreign") {
          const { token, index, count } = action;
          assert.equal(registry.confirm({ delivery: { token, index, count } }), "ignored");
          continue;
        }
        const units = open[action.page] ?? new Set();
        const index = "unit" in action ? action.unit : 0;
        const message = { delivery: { token: tokens[action.page] ?? "", index, count: UNITS } };
        const place = `${action.page}/${index}`;
        switch (action.do) {
          case "confirm":
            assert.equal(registry.confirm(message), units.delete(index) ? "settled" : "ignored");
            break;
          case "confirmPage":
            assert.equal(registry.confirmPage(message), units.size > 0 ? "settled" : "ignored");
            units.clear();
            break;
          case "hold":
            releases.set(place, [...(releases.get(place) ?? []), registry.hold(message)]);
            break;
          case "release":
            for (const release of releases.get(place) ?? []) release();
            break;
          case "reject":
            assert.equal(registry.reject(message, new Error("no")), units.has(index) ? "settled" : "ignored");
            break;
        }
        // A commit is a microtask away; the model takes the state it leads to.
        await sleep(0);
        assert.deepEqual(committed, head());
      }
      assert.deepEqual(failures, []);
      assert.equal(tracker.pagesOut, PAGES - committed.length);
      tracker.close();
      assert.equal(registry.size, 0);
    }), { numRuns: 150 });
  });
});
