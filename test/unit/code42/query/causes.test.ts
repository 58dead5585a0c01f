import assert from "node:assert/strict";
import german from "../../../../nodes/locales/de/code42-query.json";
import english from "../../../../nodes/locales/en-US/code42-query.json";
import { causeKey } from "../../../../src/code42/query/causes";
import { commonError } from "../../../../src/common/errors";
import { cursorError } from "../../../../src/cursor/errors";
import { queryError } from "../../../../src/code42/errors";
import { tenantError } from "../../../../src/code42/tenant/tenant-errors";

describe("the status of a query names the cause", () => {
  const words = (error: unknown) => {
    const cause = causeKey(error).slice("status.cause.".length) as keyof typeof english.status.cause;
    return [english.status.cause[cause], german.status.cause[cause]];
  };

  it("of an error of the tenant, of the settings, or of the cursor", () => {
    assert.deepEqual(words(tenantError("CLIENT_REJECTED")), ["sign-in refused", "Anmeldung abgelehnt"]);
    assert.deepEqual(words(tenantError("CONNECTION_FAILED")), ["tenant unreachable", "nicht erreichbar"]);
    assert.deepEqual(words(tenantError("BASE_URL_PATH")), ["wrong address", "falsche Adresse"]);
    assert.deepEqual(words(queryError("TENANT_MISSING")), ["no tenant", "kein Mandant"]);
    assert.deepEqual(words(queryError("INCOMPATIBLE_FILTER")), ["query refused", "Abfrage abgelehnt"]);
    assert.deepEqual(words(queryError("SAVED_SEARCH_MISSING")), ["query refused", "Abfrage abgelehnt"]);
    assert.deepEqual(words(queryError("SEARCH_PROBLEMS")), ["Code42 has a fault", "Störung bei Code42"]);
    assert.deepEqual(words(cursorError("CURSOR_UNREADABLE")), ["cursor unreadable", "Cursor unlesbar"]);
    assert.deepEqual(words(commonError("SINK_MISSING")), ["sink missing", "Senke fehlt"]);
  });

  it("in fewer than 20 characters, and says that it failed where it has no words", () => {
    for (const { status: { cause } } of [english, german]) for (const text of Object.values(cause)) assert.ok(text.length < 20, text);
    assert.deepEqual(words(new Error("somebody else's")), ["failed", "Fehler"]);
    assert.equal(causeKey(new Error("somebody else's"), "status.failed"), "status.failed");
  });
});
