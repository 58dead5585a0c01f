import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../../package.json";
import { pages } from "../../scripts/docs";
import { root } from "../../scripts/built";
import { udpTransport } from "../../src/syslog/transport";

describe("the documentation", () => {
  for (const { file, text } of pages()) {
    it(`${file.slice(root.length + 1)} agrees with the data (npm run docs)`, () => assert.equal(readFileSync(file, "utf8"), text));
  }

  const folder = join(root, "docs");
  const files = [...readdirSync(folder).filter((name) => name.endsWith(".md")).map((name) => join(folder, name)), join(root, "README.md"), join(root, "CONTRIBUTING.md")];

  it("links only to files that exist", () => {
    for (const file of files) {
      for (const [, target = ""] of readFileSync(file, "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (!/^https?:/.test(target)) assert.ok(existsSync(join(dirname(file), target)), `${file}: ${target}`);
      }
    }
  });

  it("has an index of its pages, which the README links", () => {
    const index = readFileSync(join(folder, "README.md"), "utf8");
    for (const name of readdirSync(folder).filter((file) => file.endsWith(".md") && file !== "README.md")) assert.ok(index.includes(`](${name})`), name);
    assert.ok(readFileSync(join(root, "README.md"), "utf8").includes("](docs/README.md)"));
  });

  it("is short where people begin", () => {
    const lines = (name: string) => readFileSync(join(root, name), "utf8").trimEnd().split("\n").length;
    assert.ok(lines("README.md") <= 150, `README.md: ${lines("README.md")}`);
    assert.ok(lines("CONTRIBUTING.md") <= 120, `CONTRIBUTING.md: ${lines("CONTRIBUTING.md")}`);
  });

  it("names every permission that the sources need", () => {
    const code42 = join(root, "src/code42");
    const asked = new Set(readdirSync(code42, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts")).flatMap((name) => readFileSync(join(code42, name), "utf8").match(/(?<=")[A-Z][A-Za-z ]+: Read(?=")/g) ?? []));
    assert.equal(asked.size, 5, [...asked].join());
    for (const file of ["docs/security.md", "nodes/locales/en-US/code42-tenant.html", "nodes/locales/de/code42-tenant.html"]) {
      for (const permission of asked) assert.ok(readFileSync(join(root, file), "utf8").includes(permission), `${file}: ${permission}`);
    }
  });

  it("describes UDP in the guarantees as in the help, with the transport's number of lines", () => {
    const lastCell = (file: string, row: RegExp) => row.exec(readFileSync(join(root, file), "utf8"))?.[1]?.replaceAll(/[,:]/g, "");
    const help = lastCell("nodes/locales/en-US/syslog-out.html", /<tr><td>UDP<\/td>.*<td>([^<]*)<\/td><\/tr>/);
    assert.equal(lastCell("docs/guarantees.md", /^\| UDP \|.*\| ([^|]*) \|$/m), help);
    assert.match(help ?? "", new RegExp(`up to ${udpTransport({ host: "", port: 1, clock: {} as never }).maxFrames} lines`));
  });

  it("says in the guarantees and in both helps that several wires get a page in short messages", () => {
    for (const file of ["docs/guarantees.md", "nodes/locales/en-US/code42-query.html", "nodes/locales/de/code42-query.html"]) assert.match(readFileSync(join(root, file), "utf8"), /250 (events|Ereignissen)/, file);
  });

  it("has a README row for every node, and names only scripts that exist", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    for (const type of Object.keys(manifest["node-red"].nodes)) assert.match(readme, new RegExp(`^\\| \`${type}\` \\|`, "m"));
    for (const file of files) {
      for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/npm run ([a-z0-9:-]+)/g)) assert.ok(Object.hasOwn(manifest.scripts, name), `${file}: npm run ${name}`);
    }
  });
});
