import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json";
import { modulesWithDashboard } from "../support/dashboard";
import { visitEditor } from "../support/editor";
import { examples } from "../support/examples";
import { startNodeRed, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

const types = Object.keys(manifest["node-red"].nodes);

describe("the editor with this package", () => {
  const userDir = mkdtempSync(join(tmpdir(), "siem-editor-"));
  let nodeRed: NodeRedProcess;

  before(async function () {
    this.timeout(120_000);
    nodeRed = await startNodeRed({ userDir, modules: modulesWithDashboard(userDir, join(packedPackage().modules, manifest.name)), dashboard: true });
  });

  after(async () => {
    await nodeRed.stop();
    rmSync(userDir, { recursive: true, force: true });
  });

  const dialogs: Record<string, Record<string, string>> = {};
  const flows = examples().map(({ flow }) => flow);
  for (const language of ["en-US", "de"]) {
    it(`opens every dialog without an error and finds every example valid, in ${language}`, async () => {
      const report = await visitEditor({ url: nodeRed.url, language, types, flows });
      assert.deepEqual(report.problems, []);
      dialogs[language] = report.dialogs;
    });
  }

  it("shows German texts to a German browser", () => {
    for (const type of types) {
      assert.ok((dialogs["de"]?.[type] ?? "").length > 20, `the dialog of ${type} is empty`);
      assert.notEqual(dialogs["de"]?.[type], dialogs["en-US"]?.[type], `the dialog of ${type} is not translated`);
    }
  });
});
