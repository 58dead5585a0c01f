/** Answers of broken servers and proxies: cut, endless, slow, circular, not events. No event is lost and no poll runs for ever. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { Tenant, type TenantOptions } from "../../../../src/code42/tenant/tenant";
import type { SiemError } from "../../../../src/common/errors";
import { makeFileEvent, type FileEvent } from "../../../../src/simulator/events";
import { makeQuery, MemoryStore } from "../../../support/query";
import { startScriptedApi, type ScriptedApi } from "../../../support/scripted-api";

const START = Date.now() - 3_600_000;

describe("a hostile page", () => {
  let api: ScriptedApi | undefined;
  let tenant: Tenant | undefined;
  afterEach(() => {
    tenant?.close();
    api?.close();
  });

  const events = (from: number, count: number) => Array.from({ length: count }, (_, index) => makeFileEvent(from + index, { insertedUs: (START + (from + index) * 10) * 1000 }));
  const page = (fileEvents: unknown[] | null, nextPgToken: string | null = null) => JSON.stringify({ totalCount: 0, fileEvents, nextPgToken, problems: null });
  const serve = async (answer: (response: ServerResponse, search: number, token: string, pageSize: number) => void, options: Partial<TenantOptions> = {}) => {
    api = await startScriptedApi(answer);
    tenant = new Tenant(
      { baseUrl: api.url, clientId: "key", clientSecret: "secret", userAgent: "test", requestsPerMinute: 1_000_000, ...options },
      { sleep: async () => undefined },
    );
    return { api, tenant };
  };
  const ids = (payloads: unknown[]) => payloads.flat().map((event) => (event as FileEvent).event.id);

  for (const encoding of ["gzip", "identity"]) {
    for (const length of ["with Content-Length", "ended by the connection"]) {
      it(`cut at any byte is requested again: ${encoding}, ${length}`, async function () {
        this.timeout(60_000);
        const text = page([{ event: { id: "a", inserted: new Date(START).toISOString() } }]);
        const body = encoding === "gzip" ? gzipSync(text) : Buffer.from(text);
        const { api, tenant } = await serve((response, search) => {
          response.setHeader("content-encoding", encoding);
          if (length === "with Content-Length") response.setHeader("content-length", body.length);
          else response.shouldKeepAlive = response.useChunkedEncodingByDefault = false;
          // Every second answer is complete.
          if (search % 2 === 1) response.end(body);
          else response.write(body.subarray(0, search / 2), () => response.socket?.end());
        });
        for (let bytes = 0; bytes < body.length; bytes++) {
          const store = new MemoryStore();
          const { runner, messages } = makeQuery(tenant, store);
          await runner.act({}).catch((error: SiemError) => {
            assert.ok(["PAGE_INVALID", "CONNECTION_FAILED", "NOT_JSON"].includes(error.code), `${bytes}: ${error.code}`);
            assert.equal(store.cursor?.lastInserted ?? null, null);
            return runner.act({});
          });
          assert.deepEqual(ids(messages.map(({ payload }) => payload)), ["a"], `cut after ${bytes} bytes`);
          assert.equal(api.searches, 2 * (bytes + 1));
        }
      });
    }
  }

  it("without end fails at the limit, and a slow or missing one at the time-out, without piling up connections", async () => {
    const faults: [code: string, answer: (response: ServerResponse) => void][] = [
      ["BODY_TOO_LARGE", (response) => {
        const element = `${JSON.stringify(makeFileEvent(0, { insertedUs: START * 1000 }))},`.repeat(50);
        const more = () => {
          while (!response.destroyed && response.write(element));
          if (!response.destroyed) response.once("drain", more);
        };
        response.write('{"fileEvents":[');
        more();
      }],
      ["TIMED_OUT", (response) => {
        const timer = setInterval(() => response.write(" "), 100);
        response.once("close", () => clearInterval(timer));
      }],
      ["TIMED_OUT", () => undefined],
    ];
    for (const [code, answer] of faults) {
      const { api, tenant } = await serve(answer, { maxBodyBytes: 2 ** 20, timeoutMs: 250 });
      await assert.rejects(makeQuery(tenant, new MemoryStore()).runner.act({}), { code });
      assert.ok(api.searches >= 1);
      // A connection may close while the next one opens.
      assert.ok(api.mostConnections <= 2, `${api.mostConnections} connections`);
      tenant.close();
      api.close();
    }
  });

  it("that is empty but names a next page does not end the poll", async () => {
    const { tenant } = await serve((response, _search, token) => response.end({ "": page([], "a"), a: page(null, "b"), b: page(events(0, 3)) }[token]));
    const { runner, messages, warnings } = makeQuery(tenant, new MemoryStore());
    await runner.act({});
    assert.deepEqual(ids(messages.map(({ payload }) => payload)), ids(events(0, 3)));
    assert.deepEqual(warnings, ["warning.noCursor"]);
  });

  it("that leads in a circle ends the poll with a warning, and the next poll continues", async () => {
    const pages: Record<string, string> = { "": page(events(0, 2), "a"), a: page(events(2, 2), "b"), b: page(events(4, 2), "a") };
    const { api, tenant } = await serve((response, _search, token) => response.end(pages[token]));
    const { runner, messages, warnings } = makeQuery(tenant, new MemoryStore());
    await runner.act({});
    assert.equal(api.searches, 3);
    assert.deepEqual(warnings, ["warning.noCursor", "warning.tokenRepeated"]);
    pages[""] = page(events(6, 2));
    await runner.act({});
    assert.deepEqual(ids(messages.map(({ payload }) => payload)), ids(events(0, 8)));
  });

  it("that repeats events of the previous page, or comes twice, gives each event once", async () => {
    const { tenant } = await serve((response, _search, token, pageSize) => response.end(pageSize === 1 ? page([]) : { "": page(events(0, 5), "a"), a: page(events(3, 5), "b"), b: page(events(3, 5)) }[token]));
    const { runner, messages } = makeQuery(tenant, new MemoryStore());
    await runner.act({});
    assert.deepEqual(ids(messages.map(({ payload }) => payload)), ids(events(0, 8)));
    assert.equal(runner.counters.duplicates, 7);
  });

  it("with something else in place of events delivers that once, warns, and does not hold up the rest", async () => {
    const [first, second, third] = events(0, 3) as [FileEvent, FileEvent, FileEvent];
    const noId = { ...second, event: { ...second.event, id: 7 } };
    const noTime = { ...third, event: { ...third.event, inserted: 5 } };
    const poisoned = [null, first, "not an event", noId, noTime, 42];
    const { tenant } = await serve((response, search) => response.end(page(search === 0 ? poisoned : [noTime])));
    const store = new MemoryStore();
    const { runner, messages, warnings } = makeQuery(tenant, store, { confirmTimeoutMs: 30 }, (message, registry) => {
      // The first sending is not confirmed: the second must be the same.
      if (messages.length > 1) registry.confirm(message);
    });
    await runner.act({});
    await runner.act({});
    assert.deepEqual(messages.map(({ payload }) => payload), [poisoned, poisoned]);
    assert.ok(warnings.includes("warning.withoutId"));
    assert.equal(store.cursor?.lastInserted, new Date(START + 10).toISOString());
  });
});
