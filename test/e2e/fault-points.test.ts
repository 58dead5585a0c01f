/**
 * Node-RED dies at each step in the processing of a page, by kill -9 or by another node's exception. No event is missing,
 * and each death repeats at most the pages in flight.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../../scripts/built";
import { Journey } from "../support/journey";
import type { NodeRedProcess } from "../support/node-red-process";
import { until } from "../support/until";

const PAGE = 100;
const PAGES_OUT = 2;
const EVENTS_EACH = 1000;

type Step = "send" | "confirmed" | "written" | "renamed" | "close";

const faultPoint = (step: Step, passes: number) => `require(${JSON.stringify(join(root, "test/support/fault-points.cjs"))})("${step}", ${passes});`;

/** A function node with a promise that nobody awaits: when it rejects, Node-RED ends with exit code 1. */
const CARELESS = [
  { id: "inject", type: "inject", z: "tab", x: 100, y: 400, once: true, onceDelay: 0.5, repeat: "", props: [], wires: [["careless"]] },
  { id: "careless", type: "function", z: "tab", x: 300, y: 400, func: "Promise.reject(new Error('careless')); return null;", outputs: 1, wires: [[]] },
];

for (const [output, steps] of [
  ["page", [["send", 0], ["send", 3], ["confirmed", 2], ["written", 3], ["renamed", 2], ["close", 0]]],
  ["event", [["send", 250], ["confirmed", 2]]],
] as [string, [Step, number][]][]) {
  describe(`death at each step, with one message for each ${output}`, () => {
    it("loses no event and repeats at most the pages in flight", async function () {
      this.timeout(180_000);
      const journey = await Journey.prepare({
        query: { pageSize: String(PAGE), pagesOut: String(PAGES_OUT), output },
        // Each page stays in flight for a while, so that a death hits some.
        syslog: { confirmDelay: "100" },
      });
      const { siem } = journey;
      const repeats: string[] = [];
      let before = 0;
      const death = async (nodeRed: NodeRedProcess, what: string) => {
        const end = await Promise.race([nodeRed.exited, sleep(30_000, undefined, { ref: false })]);
        assert.ok(end, `${what}: it did not die; the query shows ${journey.status.get("query-job")}\n${nodeRed.log().slice(-3000)}`);
        return end;
      };
      const account = (what: string) => {
        const repeated = siem.duplicates - before;
        before = siem.duplicates;
        repeats.push(`${what}: ${repeated}`);
        assert.ok(repeated <= PAGES_OUT * PAGE, repeats.join(", "));
      };
      try {
        for (const [step, passes] of steps) {
          journey.addEvents(EVENTS_EACH);
          const received = siem.received;
          const nodeRed = await journey.start({ settingsScript: faultPoint(step, passes) });
          if (step === "close") {
            await until(() => siem.received > received, "a page arrives", 30_000);
            nodeRed.kill("SIGTERM");
          }
          assert.deepEqual(await death(nodeRed, `${step} ${passes}`), { code: null, signal: "SIGKILL" });
          assert.ok(siem.ids.size < journey.added, `${step} ${passes} came too late: everything was delivered`);
          account(`up to ${step} ${passes}`);
        }
        journey.addEvents(EVENTS_EACH);
        const careless = await journey.start({ flows: [...journey.flows(), ...CARELESS] });
        assert.deepEqual(await death(careless, "the exception"), { code: 1, signal: null });
        account("up to the exception");
        const nodeRed = await journey.start();
        await journey.waitForAll();
        account("to the end");
        journey.addEvents(1);
        await journey.waitForAll();
        await nodeRed.stop();
        journey.assertDelivered((steps.length + 1) * PAGES_OUT * PAGE);
      } finally {
        await journey.remove();
      }
    });
  });
}
