import assert from "node:assert/strict";
import fc from "fast-check";
import { lookUp, rowKeys } from "../../../src/cef/dictionary";
import { mappings } from "../../../src/cef/mappings";
import { parsePath } from "../../../src/cef/path";
import { readFormatters } from "../../../src/cef/settings";
import { fieldProblems, proposeKeys, proposePaths } from "../../../src/editor/own-fields";

const codes = (...fields: object[]) => fieldProblems(fields, "standard").map((problem) => problem?.code);

describe("own fields in the edit form", () => {
  it("have a reason at each wrong row and none at the others", () => {
    assert.deepEqual(
      codes(
        { key: "suser", source: "user.email" },
        { key: "my_key", source: "a" },
        { key: "suser", source: "b" },
        { key: "cs6", source: "a", label: "Ticket" },
        { key: "cs5", source: "b", label: "Ticket" },
        { key: "Own", source: "a..b" },
        { key: "Own", source: "a.b" },
      ),
      [undefined, "FIELD_KEY", "FIELD_TWICE", undefined, "FIELD_LABEL_TWICE", "FIELD_SOURCE", undefined],
    );
  });

  it("may not repeat a label of the mapping, unless own fields replace every row with that label", () => {
    const taken = mappings.get("code42.file-event.v2")?.rows.find(({ label }) => label !== undefined);
    assert.ok(taken?.label !== undefined);
    const free = ["cs5", "cs6"].find((key) => key !== taken.key) as string;
    const field = { key: free, source: "a", label: taken.label };
    assert.deepEqual(codes(field), ["FIELD_LABEL_TWICE"]);
    const everyTableWithIt = [...mappings.values()].flatMap(({ rows }) => rows).filter(({ label }) => label === taken.label).map(({ key }) => key);
    const instead = [...new Set(everyTableWithIt)].map((key) => ({ key, source: "b", label: `mine ${key}` }));
    assert.equal(codes(field, ...instead)[0], undefined);
  });

  it("are valid exactly when the run time accepts them", () => {
    const labels = [...mappings.values()].flatMap(({ rows }) => rows.map(({ label }) => label ?? "")).slice(0, 40);
    const field = fc.record({
      key: fc.oneof(fc.constantFrom(...rowKeys()), fc.constantFrom("Own", "own_key", "aid", "cs1Label", "cs1", "cs2", "cs6", "")),
      type: fc.constantFrom("", "", "", "string", "long", "text"),
      source: fc.constantFrom("a", "a.b[0]", "a[].b", "a..b", ""),
      label: fc.constantFrom("", "", "Ticket", "Case", ...labels),
    });
    fc.assert(fc.property(fc.array(field, { maxLength: 4 }), fc.constantFrom("standard", "compatible"), (fields, profile) => {
      const wrong = fieldProblems(fields, profile).find((problem) => problem !== undefined);
      const start = () => readFormatters({ profile, fields });
      if (wrong === undefined) assert.doesNotThrow(start);
      else assert.throws(start, ({ code }: { code: string }) => code.startsWith("FIELD_"));
    }), { numRuns: 400 });
  });

  it("get proposals of keys by short and full name, the exact one first", () => {
    assert.equal(proposeKeys("src")[0]?.key, "src");
    assert.equal(proposeKeys("SOURCEUSERNAME")[0]?.key, "suser");
    assert.deepEqual(proposeKeys("deviceCustomString").map(({ key }) => key), ["cs1", "cs2", "cs3", "cs4", "cs5", "cs6"]);
    assert.equal(proposeKeys("").length, rowKeys().length);
    assert.deepEqual(proposeKeys("nothing like it"), []);
    for (const { key, entry } of proposeKeys("")) assert.equal(entry, lookUp(key));
  });

  it("get proposals of valid paths, from the chosen kind of record", () => {
    assert.ok(proposePaths("code42.file-event.v2", "standard", "file.").includes("file.name"));
    assert.ok(proposePaths("auto", "standard", "").length > proposePaths("code42.session", "standard", "").length);
    assert.ok(proposePaths("code42.file-event.v1", "compatible", "").includes("fileName"));
    for (const profile of ["standard", "compatible"]) {
      for (const path of proposePaths("auto", profile, "")) assert.notEqual(parsePath(path), undefined, path);
    }
  });
});
