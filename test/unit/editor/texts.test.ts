import assert from "node:assert/strict";
import { plain } from "../../../src/common/border";
import { checkFilter } from "../../../src/code42/criteria/criteria-check";
import { queryError } from "../../../src/code42/errors";
import { tenantError } from "../../../src/code42/tenant/tenant-errors";
import { checkVariables } from "../../../src/common/environment";
import { addressProperty, choiceProperty, listProperty, numberProperty, textProperty, type Properties } from "../../../src/common/properties";
import { localise as localiseError } from "../../../src/node-red/report";
import { commonError, fill, SiemError, type Params } from "../../../src/common/errors";
import { criteriaProblems } from "../../../src/editor/criteria-builder/problems";
import { translateParams, localise, translator } from "../../../src/editor/texts";
import common from "../../../nodes/locales/de/common.json";
import query from "../../../nodes/locales/de/code42-query.json";
import tenant from "../../../nodes/locales/de/code42-tenant.json";

/** Node-RED's `RED._` in a German browser. It returns the key itself if the catalog lacks it. */
const RED = {
  _(key: string, params: Params = {}): string {
    const [name, path] = key.split(":") as [string, string];
    const catalogs: Record<string, object> = { "code42-query": { ...query, common }, "code42-tenant": { ...tenant, common } };
    let found: unknown = catalogs[name.replace("@security-events/node-red-siem/", "")];
    for (const part of path.split(".")) found = (found as Record<string, unknown> | undefined)?.[part];
    return typeof found === "string" ? fill(found, params) : path;
  },
};

describe("the texts of a dialog", () => {
  const text = translator(RED, "code42-query");
  const told = ({ key, params, message }: SiemError) => localise(text, { key, params, message });

  it("translate errors of the tenant, of the query and of all nodes into the browser's language", () => {
    assert.equal(told(tenantError("TIMED_OUT", plain.params({ host: "api.us.code42.com", seconds: 60 }))), fill(tenant.error.TIMED_OUT, { host: "api.us.code42.com", seconds: 60 }));
    assert.equal(told(queryError("PREVIEW_TIMED_OUT")), query.error.PREVIEW_TIMED_OUT);
    assert.equal(told(commonError("TRY_REQUEST")), common.error.TRY_REQUEST);
    assert.equal(localise(translator(RED as never, "code42-tenant"), queryError("TENANT_ID_MISSING")), query.error.TENANT_ID_MISSING);
  });

  it("are the server's if the browser's catalog lacks them", () => {
    assert.equal(localise(text, { key: "@security-events/node-red-siem/code42-tenant:error.OF_TOMORROW", params: {}, message: "the server's" }), "the server's");
    assert.equal(localise(text, { key: "", params: {}, message: "no key" }), "no key");
  });

  /** The error of `work`. */
  const thrown = (work: () => unknown): SiemError => {
    try {
      work();
    } catch (error) {
      if (error instanceof SiemError) return error;
    }
    return assert.fail("nothing was thrown");
  };

  const wrong: [what: string, node: string, property: string, read: (form: Properties, name: string) => unknown][] = [
    ["a number", "code42-query", "pageSize", (form, name) => numberProperty({ ...form, [name]: "many" }, name, { fallback: 1, min: 1, max: 10 })],
    ["a text", "code42-query", "startFrom", (form, name) => textProperty({ ...form, [name]: [] }, name)],
    ["a missing value", "code42-tenant", "clientId", (form, name) => textProperty(form, name)],
    ["a choice", "code42-tenant", "authType", (form, name) => choiceProperty({ ...form, [name]: "x" }, name, ["user"])],
    ["a list", "code42-query", "confirmedBy", (form, name) => listProperty({ ...form, [name]: 1 }, name)],
    ["a variable that is not set", "code42-tenant", "baseUrl", (form, name) => checkVariables({ ...form, [name]: "${NOBODY}" })],
    ["a part of an address", "code42-tenant", "baseUrl", (form, name) => addressProperty({ ...form, [name]: "https://${HOST}" }, name)],
  ];
  for (const [what, node, property, read] of wrong) {
    it(`call the field of ${what} by its label, also in the dialog of another node`, () => {
      const labels = (node === "code42-query" ? query : tenant).label as Record<string, string>;
      const error = thrown(() => read({ type: node }, property));
      for (const shown of [told(error), localiseError((key, params) => text(key, params), error).message]) {
        assert.ok(shown.includes(labels[property]!), shown);
        assert.ok(!shown.includes(property), shown);
      }
    });
  }

  it("keep the name of a property without a label", () => {
    assert.match(told(thrown(() => textProperty({ type: "code42-query" }, "x1"))), /x1/);
    assert.match(told(thrown(() => textProperty({}, "pageSize"))), /pageSize|Seitengröße/);
  });

  it("name the expected value in the same language", () => {
    let error: unknown;
    try {
      checkFilter("file-events", { term: "file.sizeInBytes", operator: "GREATER_THAN", value: "big" });
    } catch (thrown) {
      error = thrown;
    }
    assert.ok(error instanceof SiemError);
    assert.match(told(error), /eine Zahl/);
    assert.doesNotMatch(told(error), /a number/);
    assert.equal(text("error.VALUE_UNSUITABLE", translateParams(text, error.params)), told(error));
  });

  it("explain in the same language why a search cannot express criteria", () => {
    const filter = (operator: string) => ({ term: "state", operator, value: "OPEN" });
    const german = (source: string, value: unknown) => {
      const [problem] = criteriaProblems({ source, clause: "AND", hasCursor: true }, value);
      return problem === undefined ? assert.fail() : text(problem.key, translateParams(text, problem.params));
    };
    assert.match(german("sessions", [{ clause: "AND", filters: [filter("IS_NOT")] }]), /, Gruppe 1: Diese Suche kennt IS und IS_ANY, nicht IS_NOT\. Ändern Sie sie/);
    assert.match(german("alerts", [{ clause: "AND", groups: [{ clause: "AND", filters: [{ ...filter("IS"), term: "State" }] }] }]), /, Gruppe 1: Diese Suche kann Gruppen nicht schachteln\./);
  });
});
