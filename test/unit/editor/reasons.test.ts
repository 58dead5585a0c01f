/** The reasons that the editor lists at a node's red triangle, below "Invalid properties", where no field is in sight. */
import assert from "node:assert/strict";
import manifest from "../../../package.json";
import { catalogOf, inEditor, ownTypes, translate, type Definition, type Language } from "../../support/own-types";

const TYPES = Object.keys(manifest["node-red"].nodes);
const QUOTED: Readonly<Record<Language, (label: string) => string>> = { "en-US": (label) => `"${label}"`, de: (label) => `„${label}“` };

/** Properties whose reasons are about more than a field: criteria and own fields name the row, the profile names the record. */
const ROWS = ["cef-format.profile", "cef-format.fields", "code42-query.criteria"];

/** Each validator refuses at least one of these. */
const WRONG = ["", "<§ §>".repeat(100)];

/** Settings with which a property is in use. */
const IN_USE: Readonly<Record<string, object>> = {
  "code42-query.connection": { cursorType: "shared" }, "code42-query.lease": { cursorType: "shared" },
  "dxl-fabric.brokers": { brokers: "8883;broker.example.com" }, "syslog-out.appName": { header: "rfc5424" },
};

describe("the reasons why a node is not valid", () => {
  for (const language of ["en-US", "de"] as const) {
    for (const type of TYPES) {
      it(`name a field by its label, ${type} in ${language}`, () => {
        const { label = {}, validate = {} } = catalogOf(type, language);
        for (const [key, text] of Object.entries(validate)) {
          // A reason for one field has the key of that field; others leave a place for the label, or are for a field with several reasons.
          const labels = ["__label__", ...(label[key] === undefined ? Object.values(label) : [label[key]])];
          assert.ok(labels.some((each) => text.includes(QUOTED[language](each))), `${key}: ${text}`);
        }
      });
    }
  }

  describe("of the editor's definitions", () => {
    let types: ReadonlyMap<string, Definition>;
    before(async () => {
      types = await ownTypes();
    });

    for (const type of TYPES) {
      it(`name the field that is wrong: ${type}`, () => {
        const { defaults } = types.get(type)!;
        const label = catalogOf(type)["label"] ?? {};
        const values = Object.fromEntries(Object.entries(defaults).map(([name, { value }]) => [name, value]));
        for (const [name, { validate }] of Object.entries(defaults)) {
          // `environment` has no field: its validator looks at the others.
          if (validate === undefined || name === "environment" || ROWS.includes(`${type}.${name}`)) continue;
          const node = { id: "node", type, ...values, ...IN_USE[`${type}.${name}`], _: (key: string, params?: Record<string, string | number>) => translate(`${type}:${key}`, params) };
          const reasons = inEditor(() => WRONG.map((value) => validate.call(node, value, {}))).filter((reason) => reason !== true);
          assert.notEqual(reasons.length, 0, `${name} accepts anything`);
          for (const reason of reasons) assert.ok(String(reason).includes(`"${label[name]}"`), `${name}: ${String(reason)}`);
        }
      });

      it(`have the label of each property that the editor checks itself: ${type}`, () => {
        const { label = {} } = catalogOf(type);
        for (const [name, { type: pointsTo, required, label: shown }] of Object.entries(types.get(type)!.defaults)) {
          if (required !== true && (pointsTo === undefined || pointsTo === "*[]")) continue;
          assert.notEqual(shown, undefined, name);
          assert.equal(shown, label[name], name);
        }
      });
    }
  });
});
