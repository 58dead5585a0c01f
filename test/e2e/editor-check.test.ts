/** The short form of `npm run test:browser`. It covers Node-RED 5; `editor.test.ts` covers Node-RED 4 in both languages. */
import assert from "node:assert/strict";
import manifest from "../../package.json";
import { checkEditor } from "../support/editor-check";
import { startEditorSite } from "../support/editor-site";

const types = Object.keys(manifest["node-red"].nodes);

describe("every node and every dialog in the editor, below an admin root and behind a sign-in", () => {
  it("works in Node-RED 5, dark, in English", async function () {
    // The first run installs the second runtime.
    this.timeout(600_000);
    const { secondRuntime } = await import("../../scripts/second-runtime.mjs");
    const { url, user, stop } = await startEditorSite(secondRuntime());
    try {
      assert.deepEqual(await checkEditor({ url, user, language: "en-US", dark: true, types }), []);
    } finally {
      await stop();
    }
  });
});
