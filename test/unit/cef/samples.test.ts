import assert from "node:assert/strict";
import { compileFormatter } from "../../../src/cef/encoder";
import { mappings } from "../../../src/cef/mappings";
import type { RecordKind } from "../../../src/common/messages";
import { parseCef } from "../../../src/simulator/cef-parser";
import { cefLabels, cefSamples, withLabels } from "../../support/cef-samples";

describe("CEF of records as the products send them", () => {
  for (const [kind, samples] of Object.entries(cefSamples)) {
    const mapping = mappings.get(kind)!;
    for (const { name, event, header, fields } of samples) {
      it(`${kind}: ${name}`, () => {
        const formatter = compileFormatter(mapping);
        const { vendor, product, version, classId, name: title, severity, extension } = parseCef(formatter.format(event));
        assert.deepEqual([vendor, product, version, classId, title, severity], header);
        assert.deepEqual(Object.fromEntries(extension), withLabels(fields, cefLabels[kind as RecordKind]));
        assert.equal(formatter.counters.failed, 0);
      });
    }
    it(`${kind}: every row of the mapping has a value in at least one sample`, () => {
      const seen = new Set(samples.flatMap(({ fields }) => Object.keys(fields)));
      assert.deepEqual(mapping.rows.map(({ key }) => key).filter((key) => !seen.has(key)), []);
    });
  }
  it("covers every kind of record", () => assert.deepEqual(Object.keys(cefSamples).sort(), [...mappings.keys()].sort()));
});
