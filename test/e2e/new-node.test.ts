import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../scripts/built";

const LEFT_OUT = new Set([".git", ".cache", ".demo", "node_modules", "dist", "resources", "coverage"]);

describe("npm run new-node", function () {
  this.timeout(120_000);
  const copy = mkdtempSync(join(tmpdir(), "siem-new-node-"));
  const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8" });
  const text = (file: string) => readFileSync(join(copy, file), "utf8");
  /** Resolves with its output, or rejects with it if it fails. */
  const mustRun = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: copy }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => assert.fail(`${args.join(" ")}\n${error.stdout}\n${error.stderr}`),
  );

  before(() => {
    cpSync(root, copy, { recursive: true, filter: (source) => !LEFT_OUT.has(source.slice(root.length + 1)) });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });
  after(() => rmSync(copy, { recursive: true, force: true }));

  it("refuses an invalid name, and one that is taken", () => {
    for (const name of ["", "Event Counter", "-x", "../x", "syslog-out"]) {
      const { status, stderr } = run("scripts/new-node.mjs", name);
      assert.equal(status, 1, name);
      assert.match(stderr, /Give the node a name|There is a node/);
    }
  });

  it("makes a node that compiles, builds and passes its tests, and adds it to an example, the README and the docs", async () => {
    await mustRun("scripts/new-node.mjs", "event-counter");
    // These names are those that the adapter imports; the build below compiles them too.
    for (const name of ["event-count", "status-line", "node-stats"]) await mustRun("scripts/new-node.mjs", name);
    writeFileSync(join(copy, "tsconfig.one.json"), JSON.stringify({ extends: "./tsconfig.editor.json", include: ["nodes/event-counter.editor.ts"] }));
    const [tests] = await Promise.all([
      mustRun("node_modules/mocha/bin/mocha.js", "test/unit/event-counter/event-count.test.ts", "test/nodes/event-counter.test.ts", "test/unit/docs.test.ts", "test/unit/help.test.ts"),
      mustRun("node_modules/typescript/bin/tsc", "-p", "tsconfig.one.json"),
      // It also compiles the node.
      mustRun("scripts/build.mjs"),
    ]);
    assert.match(tests, /passing/);
    for (const file of ["event-counter.js", "event-counter.html", "icons/event-counter.svg", "locales/de/event-counter.html"]) assert.ok(existsSync(join(copy, "dist/nodes", file)), file);
    const example = readdirSync(join(copy, "examples")).find((name) => name.endsWith("- Event counter.json")) ?? "";
    assert.ok((JSON.parse(text(`examples/${example}`)) as { type: string }[]).some(({ type }) => type === "event-counter"));
    assert.match(text("README.md"), /^\| `event-counter` \|/m);
    assert.doesNotMatch([...readdirSync(join(copy, "nodes")), text("nodes/event-counter.ts"), text("nodes/event-counter.editor.ts")].join("\n"), /@type@/i);
  });
});
