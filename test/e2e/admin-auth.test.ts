/** With adminAuth, nothing of ours answers somebody who has not signed in. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNodeRed } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

describe("the admin routes of this package", () => {
  it("are closed to everybody who has not signed in", async function () {
    this.timeout(60_000);
    const userDir = mkdtempSync(join(tmpdir(), "siem-auth-"));
    const flows = [
      { id: "tab", type: "tab", label: "a" },
      { id: "fabric", type: "dxl-fabric", name: "", configFile: "none", brokers: "" },
    ];
    const adminAuth = { type: "credentials", users: [{ username: "admin", password: "$2b$08$not.a.hash.of.any.password", permissions: "*" }] };
    const start = (settings: Record<string, unknown>) => startNodeRed({ userDir, modules: packedPackage().modules, flows, settings });
    const statuses = async (url: string) => Promise.all(["dxl-fabric/fabric/certificate", "dxl-fabric/certificate", "dxl-fabric/provision"].map(async (path) => {
      const { status } = await fetch(`${url}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
      return status;
    }));
    const metrics = async (url: string) => (await fetch(`${url}/security-events/metrics`)).status;
    try {
      const closed = await start({ adminAuth });
      assert.deepEqual(await statuses(closed.url), [401, 401, 401]);
      assert.equal(await metrics(closed.url), 401);
      await closed.stop();
      // The same requests do reach our handlers where no sign-in is asked for.
      const open = await start({});
      assert.deepEqual(await statuses(open.url), [200, 200, 200]);
      assert.equal(await metrics(open.url), 200);
      await open.stop();
    } finally {
      rmSync(userDir, { recursive: true, force: true });
    }
  });
});
