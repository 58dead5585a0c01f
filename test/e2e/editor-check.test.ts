/** The short form of `npm run test:browser`. It covers Node-RED 5; `editor.test.ts` covers Node-RED 4 in both languages. */
import assert from "node:assert/strict";
import manifest from "../../package.json";
import { checkEditor } from "../support/editor-check";
import { startEditorSite } from "../support/editor-site";
import { checkHelp } from "../support/help-check";

const types = Object.keys(manifest["node-red"].nodes);

describe("every node, every dialog and every help in the editor, below an admin root and behind a sign-in", () => {
  it("works in Node-RED 5, dark, in English; the help fits two screens in German too, whose texts are longer", async function () {
    // The first run installs the second runtime.
    this.timeout(600_000);
    const { secondRuntime } = await import("../../scripts/second-runtime.mjs");
    const { url, user, stop } = await startEditorSite(secondRuntime());
    try {
      const check = { url, user, dark: true, types };
      assert.deepEqual(await checkEditor({ ...check, language: "en-US" }), []);
      for (const language of ["en-US", "de"] as const) assert.deepEqual(await checkHelp({ ...check, language }), [], language);
    } finally {
      await stop();
    }
  });
});
