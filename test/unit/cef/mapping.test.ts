import assert from "node:assert/strict";
import { checkMapping } from "../../../src/cef/check";
import { isEmittable, lookUp, rowKeys } from "../../../src/cef/dictionary";
import { rowProblem, repetition, userRow, type Mapping, type Row, type Source } from "../../../src/cef/mapping";
import { compatibleMappings, mappings } from "../../../src/cef/mappings";
import { parsePath, ALL } from "../../../src/cef/path";
import english from "../../../nodes/locales/en-US/cef-format.json";
import german from "../../../nodes/locales/de/cef-format.json";

describe("CEF dictionary", () => {
  it("has full name, type, length, audience and label of a key, and no inherited properties", () => {
    assert.deepEqual(lookUp("cs1"), { fullName: "deviceCustomString1", type: "string", maxLength: 4000, audience: "producer", since: "0.1", labelKey: "cs1Label" });
    assert.equal(lookUp("CS1"), undefined);
    assert.equal(lookUp("__proto__"), undefined);
    assert.equal(lookUp("constructor"), undefined);
  });
  it("lets a sender write only producer keys of CEF 0.1", () => {
    for (const key of ["suser", "cs1Label", "dvcmac", "c6a2"]) assert.equal(isEmittable(lookUp(key)!), true, key);
    for (const key of ["aid", "eventId", "rawEvent", "slat", "threatActor", "reportedDuration", "flexNumber1"]) assert.equal(isEmittable(lookUp(key)!), false, key);
    assert.equal(rowKeys().includes("cs1"), true);
    for (const key of ["cs1Label", "aid", "threatActor", "flexNumber1"]) assert.equal(rowKeys().includes(key), false, key);
  });
});

describe("CEF mapping tables", () => {
  for (const [kind, mapping] of mappings) {
    it(`has no problem in the table of ${kind}`, () => assert.deepEqual(checkMapping(mapping), []));
  }
  it("names a key and a label of the dictionary for each property of the compatible profile", () => {
    for (const { header, eventOrder, rows } of compatibleMappings.values()) {
      assert.deepEqual(checkMapping({ title: "", header, rows }), []);
      for (const { key, label } of Object.values(eventOrder?.columns ?? {})) assert.equal(lookUp(key)?.labelKey !== undefined, label !== undefined, key);
    }
  });
  it("checks the paths of every kind of source", () => {
    const sources: Source[] = [
      { each: "bad[", take: ["a"] }, { each: "a[]", take: ["bad["] }, { earliest: ["a", "bad["] }, { latest: ["bad["] }, { newest: "bad[", by: "a", take: "b" }, { newest: "a[]", by: "bad[", take: "b" }, { newest: "a[]", by: "b", take: "bad[" }, { sum: "bad[" }, { item: "bad[", only: "ipv4" }, { inside: "bad[", after: "a", before: "b" },
      { sentence: "bad[" }, { json: "bad[", except: [] }, { patterns: {}, of: "bad[" }, { list: "bad[", join: "" }, { lists: ["bad["], having: "a", take: "b" }, { from: "a", when: { path: "bad[", is: [] } },
      { directory: "a", name: "bad[" }, { lastPart: "bad[" }, { account: "bad[", part: "user" }, { utc: "bad[" }, { joined: ["bad["], between: "" }, { words: {}, of: "bad[" }, { severityOfScore: "bad[" },
    ];
    for (const source of sources) assert.equal(rowProblem({ key: "suser", type: "string", source })?.code, "FIELD_SOURCE", JSON.stringify(source));
    for (const source of [{ constant: "x" }, { json: null, except: [] }]) assert.equal(rowProblem({ key: "suser", type: "string", source }), undefined);
  });
  it("finds every kind of mistake", () => {
    const problems = (...rows: Row[]) => checkMapping({ title: "", header: header(), rows });
    const header = (): Mapping["header"] => ({ vendor: { constant: "V" }, product: { constant: "P" }, version: { constant: "1" }, classId: "a", name: "b", severity: "c" });
    assert.match(problems({ key: "aid", type: "string", source: "a" }).join(), /aid.*cannot be sent/);
    assert.match(problems({ key: "fsize", type: "long", source: "a" }).join(), /fsize.*integer/);
    assert.match(problems({ key: "cs1", type: "string", source: "a" }).join(), /cs1.*label/);
    assert.match(problems({ key: "suser", type: "string", source: "a", label: "x" }).join(), /suser.*no label/);
    assert.match(problems({ key: "cs1Label", type: "string", source: "a" }).join(), /cs1Label.*label of cs1/);
    assert.match(problems({ key: "my_key", type: "string", source: "a" }).join(), /my_key.*letters/);
    assert.match(problems({ key: "suser", type: "string", source: { first: ["a", "b..c"] } }).join(), /b\.\.c.*not a path/);
    assert.match(problems({ key: "flexString1", type: "string", source: "a", label: "x" }).join(), /owner of the SIEM/);
    assert.match(problems({ key: "suser", type: "string", source: "a" }, { key: "suser", type: "string", source: "b" }).join(), /Two.*suser/);
    assert.match(problems({ key: "cs1", type: "string", source: "a", label: "x" }, { key: "cs2", type: "string", source: "b", label: "x" }).join(), /"x".*cs2/);
    assert.match(checkMapping({ title: "", header: { ...header(), name: "a[" }, rows: [] }).join(), /header field name/);
  });
  it("refuses a value that is not a row, with a sentence that both catalogs have", () => {
    for (const row of [null, 1, "x", [], {}, { key: "suser" }, { key: "suser", source: "a", type: "text" }, { key: "Own", source: "a", type: "ip" }, { key: "Own", source: "a", label: "x" }, { key: 1, source: 2, type: 3 }, { key: "suser", source: { constant: "x" } }]) {
      const problem = rowProblem(userRow(row));
      assert.ok(problem !== undefined && problem.code in english.error && problem.code in german.error, JSON.stringify(row));
    }
  });
  it("completes a row with the key's type and a label from the source", () => {
    assert.deepEqual(userRow({ key: " cn1 ", type: "", source: " a.b " }), { key: "cn1", type: "long", source: "a.b", label: "a.b" });
    assert.deepEqual(userRow({ key: "suser", source: "a" }), { key: "suser", type: "string", source: "a" });
    assert.deepEqual(userRow({ key: "Own", type: "mac", source: "a" }), { key: "Own", type: "mac", source: "a" });
    assert.equal(repetition([]), undefined);
  });
  it("reads paths with lists", () => {
    assert.deepEqual(parsePath("@timestamp"), ["@timestamp"]);
    assert.deepEqual(parsePath("a.b[].c[-1].type$"), ["a", "b", ALL, "c", -1, "type$"]);
    for (const path of ["", ".", "a.", ".a", "a..b", "[0]", "a[b]", "a[-]", "a[0", "a b[0]x", " a", 5, null, "a".repeat(600)]) assert.equal(parsePath(path), undefined, String(path));
  });
  it("has the same texts in both languages", () => {
    const keys = (catalog: object): string[] => Object.entries(catalog).flatMap(([name, value]) => (typeof value === "object" ? keys(value as object).map((key) => `${name}.${key}`) : [name]));
    const placeholders = (text: string) => [...text.matchAll(/__\w+?__/g)].map(String).sort();
    assert.deepEqual(keys(german), keys(english));
    for (const [code, text] of Object.entries(english.error)) assert.deepEqual(placeholders(german.error[code as keyof typeof german.error]), placeholders(text), code);
  });
});
