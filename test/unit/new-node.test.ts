import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/built";

const LEFT_OUT = new Set([".git", ".cache", ".demo", "node_modules", "dist", "coverage"]);

describe("npm run new-node", function () {
  this.timeout(120_000);
  const copy = mkdtempSync(join(tmpdir(), "siem-new-node-"));
  const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8" });
  const text = (file: string) => readFileSync(join(copy, file), "utf8");
  const mustRun = (...args: string[]) => {
    const { status, stdout, stderr } = run(...args);
    assert.equal(status, 0, `${args.join(" ")}\n${stdout}\n${stderr}`);
    return stdout;
  };

  before(() => {
    cpSync(root, copy, { recursive: true, filter: (source) => !LEFT_OUT.has(source.slice(root.length + 1)) });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });
  after(() => rmSync(copy, { recursive: true, force: true }));

  it("refuses a name that is none, and one that is taken", () => {
    for (const name of ["", "Event Counter", "-x", "../x", "syslog-out"]) {
      const { status, stderr } = run("scripts/new-node.mjs", name);
      assert.equal(status, 1, name);
      assert.match(stderr, /Give the node a name|There is a node/);
    }
  });

  it("makes a node whose tests pass, which compiles, builds, and stands in an example, the README and the docs", () => {
    mustRun("scripts/new-node.mjs", "event-counter");
    const mocha = "node_modules/mocha/bin/mocha.js";
    const tests = mustRun(mocha, "test/unit/event-counter/event-count.test.ts", "test/nodes/event-counter.test.ts", "test/unit/docs.test.ts");
    assert.match(tests, /passing/);
    mustRun("node_modules/typescript/bin/tsc", "-p", "tsconfig.editor.json");
    // It compiles the node too.
    mustRun("scripts/build.mjs");
    for (const file of ["event-counter.js", "event-counter.html", "icons/event-counter.svg", "locales/de/event-counter.html"]) assert.ok(existsSync(join(copy, "dist/nodes", file)), file);
    const example = readdirSync(join(copy, "examples")).find((name) => name.endsWith("- Event counter.json")) ?? "";
    assert.ok((JSON.parse(text(`examples/${example}`)) as { type: string }[]).some(({ type }) => type === "event-counter"));
    assert.match(text("README.md"), /^\| `event-counter` \|/m);
    assert.doesNotMatch([...readdirSync(join(copy, "nodes")), text("nodes/event-counter.ts"), text("nodes/event-counter.editor.ts")].join("\n"), /@type@/i);
  });
});
