import assert from "node:assert/strict";
import manifest from "../../package.json";
import { faultsOf } from "../../scripts/audit";
import { loadNats } from "../../src/scale-out/load";

describe("the audit of run-time packages", () => {
  const packages = { "node_modules/a": { version: "1.0.0" }, "node_modules/b/node_modules/a": { version: "2.0.0" } };
  const component = { name: "a", version: "1.0.0", licenses: [{ license: { id: "MIT" } }] };
  const audit = (changes: object, lock: object = { packages }, manifest: object | undefined = { version: "1.0.0" }) => faultsOf([{ ...component, ...changes }], JSON.stringify(lock), () => manifest as never);

  it("accepts what is on the list, installed and without scripts", () => assert.deepEqual(audit({}), []));
  const cases: Record<string, [faults: string[], expected: RegExp]> = {
    "a licence that is not on the list": [audit({ licenses: [{ license: { id: "GPL-3.0-only" } }] }), /licence "GPL-3.0-only"/],
    "an expression of licences": [audit({ licenses: [{ expression: "MIT OR GPL-2.0" }] }), /licence "MIT OR GPL-2.0"/],
    "no licence": [audit({ licenses: [] }), /licence ""/],
    "an install script in the lock file": [audit({}, { packages: { "node_modules/a": { version: "1.0.0", hasInstallScript: true } } }), /runs a script/],
    "an install script in the package": [audit({}, undefined, { version: "1.0.0", scripts: { postinstall: "x" } }), /runs a script/],
    "a native build": [audit({}, undefined, { version: "1.0.0", gypfile: true }), /runs a script/],
    "another version installed": [audit({}, undefined, { version: "1.0.1" }), /node_modules\/a has version 1.0.1/],
    "a package that is not installed": [faultsOf([component], JSON.stringify({ packages }), () => undefined), /has version none/],
    "a package that is not in the lock file": [audit({ version: "3.0.0" }), /not in the lock file/],
    "a download address": [audit({}, { packages, resolved: "a" }), /names a host/],
    "an address elsewhere": [audit({}, { packages, requires: { x: "git+ssh://host/x" } }), /names a host/],
  };
  for (const [name, [faults, expected]] of Object.entries(cases)) {
    it(`reports ${name}`, () => {
      assert.equal(faults.length, 1, faults.join("; "));
      assert.match(faults[0] ?? "", expected);
    });
  }
});

describe("the optional packages", () => {
  it("are pinned to the version that the error names where they are missing", async () => {
    const missing = await loadNats(() => Promise.reject(new Error("Cannot find package"))).catch((error: unknown) => error as Error);
    const named = (missing as Error).message.match(/@nats-io\/\S+@[\d.]+(?=[ ])/g) ?? [];
    assert.deepEqual(named.sort(), Object.entries(manifest.optionalDependencies).map(([name, version]) => `${name}@${version}`).sort());
  });
});
