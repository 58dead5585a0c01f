/** Runs the unchanged example with two SIEMs on two real rsyslog servers, one of which is down at first. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { makeCertificates } from "../support/certs";
import { examples } from "../support/examples";
import { durableStore, startNodeRed, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { startRsyslog } from "../support/rsyslog";
import type { SyslogServer } from "../support/syslog-server";

const EVENTS = 300;

describe("two SIEMs that must both confirm", () => {
  it("each get every event once, and no event counts as delivered while one of them is down", async function () {
    this.timeout(120_000);
    const flow = examples().find(({ name }) => name.includes("Two SIEMs"))?.flow ?? [];
    const folder = mkdtempSync(join(tmpdir(), "siem-two-"));
    const certs = makeCertificates();
    const tenant = await startTenantSimulator({ requestsPerMinute: 100_000 });
    tenant.preload({ count: EVENTS, startMs: Date.now() - 3_600_000 });
    const [first, second] = [await startRsyslog(certs), await startRsyslog(certs)];
    await second.server.kill("SIGTERM");
    let nodeRed: NodeRedProcess | undefined;
    const confirmed = async () => {
      const text = await (await nodeRed?.admin("/security-events/metrics"))?.text();
      return Number(/^security_events_confirmed_total\{node="siem05query00001".*\} (\d+)$/m.exec(text ?? "")?.[1]);
    };
    const idsOf = (server: SyslogServer) => server.received().map(({ raw }) => /[ |]devicePayloadId=(\S+)/.exec(raw)?.[1]);
    try {
      nodeRed = await startNodeRed({
        userDir: join(folder, "user"), modules: packedPackage().modules, contextStorage: durableStore, flows: flow,
        env: {
          CODE42_BASE_URL: tenant.url, CODE42_CLIENT_ID: tenant.clientId, CODE42_CLIENT_SECRET: tenant.clientSecret,
          SIEM_HOST: "127.0.0.1", SIEM_PORT: String(first.ports.relp), SECOND_SIEM_HOST: "127.0.0.1", SECOND_SIEM_PORT: String(second.ports.relp),
        },
      });
      await first.server.waitFor(EVENTS);
      assert.equal(await confirmed(), 0);
      await second.server.start();
      await second.server.waitFor(EVENTS, 60_000);
      for (const end = Date.now() + 20_000; await confirmed() < EVENTS; await sleep(200)) assert.ok(Date.now() < end, "the query counts the events as confirmed");
      for (const { server } of [first, second]) {
        const ids = idsOf(server);
        assert.equal(ids.length, EVENTS);
        assert.equal(new Set(ids).size, EVENTS);
      }
    } finally {
      await nodeRed?.stop();
      await first.server.stop();
      await second.server.stop();
      await tenant.close();
      certs.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
