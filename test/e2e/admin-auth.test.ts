/** With adminAuth, our admin routes answer only users who have signed in. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNodeRed } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

/** The routes for POST. */
const ROUTES = [
  "dxl-fabric/fabric/certificate", "dxl-fabric/certificate", "dxl-fabric/provision", "dxl-fabric/test",
  "code42-tenant/test", "code42-query/preview", "code42-query/query/cursor", "cef-format/preview", "syslog-out/test", "nats-connection/test",
];

describe("the admin routes of this package", () => {
  it("refuse everybody who has not signed in", async function () {
    this.timeout(60_000);
    const userDir = mkdtempSync(join(tmpdir(), "siem-auth-"));
    const flows = [
      { id: "tab", type: "tab", label: "a" },
      { id: "fabric", type: "dxl-fabric", name: "", configFile: "none", brokers: "" },
    ];
    const adminAuth = { type: "credentials", users: [{ username: "admin", password: "$2b$08$not.a.hash.of.any.password", permissions: "*" }] };
    const start = (settings: Record<string, unknown>) => startNodeRed({ userDir, modules: packedPackage().modules, flows, settings });
    const statuses = async (url: string) => Promise.all(ROUTES.map(async (path) => {
      const { status } = await fetch(`${url}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
      return status;
    }));
    const readable = async (url: string) => Promise.all(["security-events/metrics", "code42-query/query/cursor"].map(async (path) => (await fetch(`${url}/${path}`)).status));
    try {
      const closed = await start({ adminAuth });
      assert.deepEqual(await statuses(closed.url), ROUTES.map(() => 401));
      assert.deepEqual(await readable(closed.url), [401, 401]);
      await closed.stop();
      // Without adminAuth the same requests reach our handlers.
      const open = await start({});
      assert.deepEqual(await statuses(open.url), ROUTES.map(() => 200));
      assert.deepEqual(await readable(open.url), [200, 200]);
      await open.stop();
    } finally {
      rmSync(userDir, { recursive: true, force: true });
    }
  });
});
