import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../../package.json";
import { pages } from "../../scripts/docs";
import { root } from "../../scripts/built";

describe("the documentation", () => {
  for (const { file, text } of pages()) {
    it(`${file.slice(root.length + 1)} is what the data says (npm run docs)`, () => assert.equal(readFileSync(file, "utf8"), text));
  }

  const folder = join(root, "docs");
  const files = [...readdirSync(folder).filter((name) => name.endsWith(".md")).map((name) => join(folder, name)), join(root, "README.md"), join(root, "CONTRIBUTING.md")];

  it("links only to files that are there", () => {
    for (const file of files) {
      for (const [, target = ""] of readFileSync(file, "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (!/^https?:/.test(target)) assert.ok(existsSync(join(dirname(file), target)), `${file}: ${target}`);
      }
    }
  });

  it("is reached from the README, page by page", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    for (const file of files.slice(0, -2)) assert.ok(readme.includes(`](${file.slice(root.length + 1)})`), file);
  });

  it("has a row for every node, and names every script it tells to run", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    for (const type of Object.keys(manifest["node-red"].nodes)) assert.match(readme, new RegExp(`^\\| \`${type}\` \\|`, "m"));
    for (const file of files) {
      for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/npm run ([a-z0-9:-]+)/g)) assert.ok(Object.hasOwn(manifest.scripts, name), `${file}: npm run ${name}`);
    }
  });
});
