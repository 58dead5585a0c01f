/** A query that Code42 refuses permanently polls less and less often, until it is allowed again. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { startTenantSimulator } from "../../../../src/simulator/tenant";
import { makeQuery, MemoryStore, tenantOf } from "../../../support/query";
import { until } from "../../../support/until";

const INTERVAL_MS = 20;

describe("a query that is refused", () => {
  for (const [status, code] of [[403, "FORBIDDEN"], [401, "UNAUTHORIZED"], [400, "QUERY_REFUSED"]] as const) {
    it(`with ${status} doubles its interval each time, shows red, and continues by itself when it is allowed`, async () => {
      const simulator = await startTenantSimulator({ requestsPerMinute: 1_000_000 });
      const tenant = tenantOf(simulator);
      simulator.faults.add({ kind: "status", status }, { times: Infinity });
      const { runner, errors, statuses } = makeQuery(tenant, new MemoryStore(), { pollIntervalMs: INTERVAL_MS });
      try {
        const started = performance.now();
        runner.start();
        await until(() => errors.length >= 5, "it has failed five times");
        await sleep(100);
        const elapsed = performance.now() - started;
        // The n-th poll begins no sooner than (2^(n-1) - 1) intervals after the first.
        const most = 2 + Math.floor(Math.log2(elapsed / INTERVAL_MS + 1));
        assert.ok(runner.counters.polls <= most, `${runner.counters.polls} polls in ${Math.round(elapsed)} ms`);
        const searches = simulator.requests.filter(({ path }) => path === "/v2/file-events").length;
        // A 401 causes one new sign-in and one repetition; the others cause none.
        assert.ok(searches <= most * (status === 401 ? 2 : 1), `${searches} searches`);
        assert.ok(simulator.tokensIssued <= 2 * most, `${simulator.tokensIssued} sign-ins`);
        for (const error of errors) assert.equal((error as Error & { code?: string }).code, code);
        assert.ok(statuses.includes("red status.nextTry"));
        simulator.faults.clear();
        await until(() => statuses.at(-1) === "green status.idle", "it works again", 20_000);
      } finally {
        await runner.close();
        tenant.close();
        await simulator.close();
      }
    });
  }
});
