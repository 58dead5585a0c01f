/** Hostile events on the whole way from the API to the SIEM: each becomes a line, and the next page passes. */
import assert from "node:assert/strict";
import tenantNode from "../../nodes/code42-tenant";
import queryNode from "../../nodes/code42-query";
import cefNode from "../../nodes/cef-format";
import syslogNode from "../../nodes/syslog-out";
import { makeFileEvent, type FileEvent } from "../../src/simulator/events";
import { startSiem } from "../../src/simulator/siem";
import { loadFlow, recordStatus, unloadFlow, until } from "../support/node-red";
import { startScriptedApi } from "../support/scripted-api";

const START = Date.now() - 3_600_000;

function deep(levels: number): unknown {
  let value: unknown = "bottom";
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Wrong values for a field of an event. */
const VALUES: unknown[] = [
  JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":null}'),
  "nul \u0000 and \u0007", "lone \ud800 and \udc00 surrogates", "x".repeat(400_000), "|=\\\r\n|=\\".repeat(1000), deep(60), 1e308, -0, true, [], {}, [[null]], null,
];

function poisonedPage(): { events: unknown[]; ids: string[] } {
  const events: unknown[] = [];
  const ids: string[] = [];
  for (const value of VALUES) {
    for (const field of ["file", "user", "risk", "source", "@timestamp"]) {
      const event = makeFileEvent(ids.length, { insertedUs: (START + ids.length) * 1000 });
      ids.push(event.event.id);
      events.push({ ...event, [field]: typeof event[field] === "object" ? { name: value, email: value, score: value, directory: value, __proto__: null } : value });
    }
  }
  return { events, ids };
}

describe("a page of hostile events", () => {
  afterEach(unloadFlow);

  for (const output of ["page", "event"]) {
    it(`arrives completely as legal CEF, and the next page passes: one message per ${output}`, async function () {
      this.timeout(60_000);
      const { events, ids } = poisonedPage();
      const strange = [null, "an event", 42, ["event"], { event: "none" }];
      const next = makeFileEvent(ids.length, { insertedUs: (START + 60_000) * 1000 });
      const illegal: string[] = [];
      const siem = await startSiem({ onIllegal: (reason, message) => illegal.push(`${reason}: ${message.slice(0, 300)}`) });
      const api = await startScriptedApi((response, _search, token, pageSize) => response.end(JSON.stringify(pageSize === 1 ? { fileEvents: [] } :
        token === "" ? { fileEvents: [...strange, ...events], nextPgToken: "next" } : { fileEvents: [next] satisfies FileEvent[], nextPgToken: null },
      )));
      try {
        await loadFlow([tenantNode, queryNode, cefNode, syslogNode], [
          { id: "t", type: "code42-tenant", baseUrl: api.url, authType: "api-client", requestsPerMinute: "6000" },
          { id: "q", type: "code42-query", tenant: "t", pollInterval: "600", cursor: "#:(memory)::cursor_q", cursorType: "global", pageSize: "1000", pagesOut: "1", output, wires: [["f"]] },
          { id: "f", type: "cef-format", wires: [["s"]] },
          { id: "s", type: "syslog-out", host: "127.0.0.1", port: String(siem.port), transport: "tcp", framing: "octet", wires: [[]] },
        ], { contextStorage: { memory: { module: "memory" } }, credentials: { t: { clientId: "key", clientSecret: "secret" } } });
        const status = recordStatus("q");
        await until(() => siem.ids.has(next.event.id), "the next page passes", 30_000);
        await until(() => status.at(-1)?.text === "status.idle", "everything is confirmed");
        assert.deepEqual(illegal, []);
        assert.deepEqual(ids.filter((id) => !siem.ids.has(id)), []);
        assert.equal(siem.received, strange.length + events.length + 1);
        assert.equal(({} as { polluted?: boolean }).polluted, undefined);
      } finally {
        await siem.close();
        api.close();
      }
    });
  }
});
