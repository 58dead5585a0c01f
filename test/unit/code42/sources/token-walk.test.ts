import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { plain } from "../../../../src/common/border";
import { bodyOf, type Body } from "../../../../src/pages/body";
import { queryError } from "../../../../src/code42/errors";
import { fileEvents } from "../../../../src/code42/sources/file-events";
import { textAtTheEnd } from "../../../../src/pages/page-reader";
import { IndexedEvents } from "../../../../src/pages/page-index";
import { BufferPool } from "../../../../src/common/buffer-pool";
import { PIECE_BYTES } from "../../../../src/pages/packed-lines";
import type { PollOptions, Reply } from "../../../../src/code42/sources/source";
import type { Api } from "../../../../src/code42/tenant/api";
import type { KeyColumn } from "../../../../src/cursor/keys";
import { ledgerKey } from "../../../../src/cursor/ledger";
import { makeFileEvent, type FileEvent } from "../../../../src/simulator/events";
import { chunkedBody } from "../../../support/chunked-body";
import { until } from "../../../support/until";

const START = Date.UTC(2026, 0, 5);
const PAGE = 20;
const PAGES = 4;

const pageBytes = (page: number, nextToken: string | null) => Buffer.from(JSON.stringify({
  totalCount: PAGE * PAGES,
  fileEvents: Array.from({ length: PAGE }, (_, index) => makeFileEvent(page * PAGE + index, { insertedUs: (START + page * PAGE + index) * 1000 })),
  nextPgToken: nextToken,
}));

/**
 * A tenant that needs `latencyMs` for an answer. The second reading of a page waits for `gate`; the first one, of its end,
 * does not, and finds the token that `hint` makes of the right one.
 */
function slowTenant(latencyMs: number, gate: () => Promise<unknown>, hint = (token: string | null) => token) {
  const asked: string[] = [];
  const body = (page: number): Body => {
    const next = page + 1 < PAGES ? String(page + 1) : null;
    let readings = 0;
    return {
      async *chunks() {
        // The first reading is for the token at the end, if the server is slow.
        if (latencyMs > 0 && readings++ === 0) {
          yield pageBytes(page, hint(next));
          return;
        }
        await gate();
        yield pageBytes(page, next);
      },
      whole: () => pageBytes(page, next),
    };
  };
  const api = {
    serverNow: () => START + 3_600_000,
    async postAndRead(_path: string, { pgToken, pgSize }: { pgToken: string; pgSize: number }, read: (body: Body) => Promise<unknown>) {
      if (pgSize === 1) return { value: await read(bodyOf(Buffer.from('{"totalCount":0,"fileEvents":[]}'))), date: START + 3_600_000, elapsedMs: latencyMs };
      asked.push(pgToken);
      await sleep(latencyMs);
      if (Number(pgToken) >= PAGES) throw queryError("PAGE_INVALID", plain.params({ reason: "no such token" }));
      return { value: await read(body(Number(pgToken))), date: START + 3_600_000, elapsedMs: latencyMs };
    },
  } as unknown as Api;
  return { api, asked };
}

const poll = (api: Api, options: Partial<PollOptions> = {}): PollOptions => ({
  api, criteria: { clause: "AND", groups: [] }, extraGroups: [], cursor: { floorMs: START, lastMs: undefined, size: 0 }, overlapMs: 300_000, pageSize: PAGE,
  known: () => false, lineMaker: () => undefined, warn: (key) => assert.fail(key), onRetry: () => undefined, signal: new AbortController().signal, ...options,
});

async function keysOf(replies: AsyncGenerator<Reply>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { events } of replies) for (const { key } of events) keys.push(key);
  return keys;
}

describe("reading by page tokens", () => {
  it("requests the next page of a slow server before this one is parsed, each page once", async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { api, asked } = slowTenant(60, () => gate);
    const reading = keysOf(fileEvents.read(poll(api)));
    await until(() => asked.length === 2, "the request for the second page");
    open();
    const keys = await reading;
    assert.deepEqual(asked, ["", "1", "2", "3"]);
    assert.equal(new Set(keys).size, PAGE * PAGES);
    assert.equal(keys.length, PAGE * PAGES);
  });

  it("requests no page ahead if the server is fast", async () => {
    const seen: number[] = [];
    const { api, asked } = slowTenant(0, async () => seen.push(asked.length));
    const keys = await keysOf(fileEvents.read(poll(api)));
    assert.equal(keys.length, PAGE * PAGES);
    assert.deepEqual(asked, ["", "1", "2", "3"]);
    // Each page was parsed before the next one was requested.
    assert.deepEqual(seen, [1, 2, 3, 4]);
  });

  it("does not trust the end of a page that it has not read", async () => {
    const { api, asked } = slowTenant(60, () => sleep(20), (token) => (token === null ? "9" : `${token}9`));
    const keys = await keysOf(fileEvents.read(poll(api)));
    assert.equal(new Set(keys).size, PAGE * PAGES);
    assert.deepEqual(asked.filter((token) => !token.endsWith("9")), ["", "1", "2", "3"]);
    assert.ok(asked.includes("19"), "it requested the page of the wrong token");
  });

  describe("with a formatter as the next node", () => {
    const ids = [...Array(PAGE * PAGES).keys()].map((index) => makeFileEvent(index, { insertedUs: (START + index) * 1000 }).event.id);
    const keys = ids.map(ledgerKey);

    /** The lines of each reply. The formatter fails for the events at `failing`; those at `known` are delivered already. */
    async function linesOf({ failing = [], known = [] }: { failing?: number[]; known?: number[] }): Promise<(string[] | undefined)[]> {
      const { api } = slowTenant(0, async () => undefined);
      let failure: string | undefined;
      const formatter = {
        format(event: unknown) {
          const { id } = (event as FileEvent).event;
          failure = failing.includes(ids.indexOf(id)) ? "bad event" : undefined;
          return `line of ${id}`;
        },
        get failure() { return failure; },
      };
      const found: (string[] | undefined)[] = [];
      for await (const { events } of fileEvents.read(poll(api, { lineMaker: () => ({ formatter, pool: new BufferPool(PIECE_BYTES) }), known: (all, index) => known.includes(keys.indexOf(all.text(index))) }))) {
        assert.ok(events instanceof IndexedEvents);
        found.push(events.prepared?.lines.unpackAtOnce());
      }
      return found;
    }
    const pages = [0, 1, 2, 3].map((page) => ids.slice(page * PAGE, (page + 1) * PAGE).map((id) => `line of ${id}`));

    it("gives the lines of all events", async () => {
      assert.deepEqual(await linesOf({}), pages);
    });

    it("gives no lines of known events", async () => {
      assert.deepEqual(await linesOf({ known: [3, 25] }), [pages[0]!.toSpliced(3, 1), pages[1]!.toSpliced(5, 1), ...pages.slice(2)]);
    });

    it("gives no lines if what is known changes while a page waits: each line must be that of its event", async () => {
      const { api } = slowTenant(0, async () => undefined);
      const known = new Set([25]);
      const options = { lineMaker: () => ({ formatter: { format: () => "line", failure: undefined }, pool: new BufferPool(PIECE_BYTES) }), known: (all: KeyColumn, index: number) => known.has(keys.indexOf(all.text(index))) };
      const found: [number, number | undefined][] = [];
      for await (const { events } of fileEvents.read(poll(api, options))) {
        assert.ok(events instanceof IndexedEvents);
        found.push([events.length, events.prepared?.lines.length]);
        // The second page has been read ahead by now, or will be: one event is forgotten, and another one is known.
        await sleep(20);
        known.delete(25);
        known.add(26);
      }
      assert.deepEqual(found, [[PAGE, PAGE], [PAGE - 1, undefined], [PAGE, PAGE], [PAGE, PAGE]]);
    });

    it("gives no lines of a page with an event that cannot be formatted, because the formatter's node reports that", async () => {
      assert.deepEqual(await linesOf({ failing: [25] }), [pages[0], undefined, ...pages.slice(2)]);
    });
  });
});

describe("the end of a page", () => {
  for (const [what, end, expected] of [
    ["gives the token", `],"nextPgToken":"0_abc_9","problems":null}`, "0_abc_9"],
    ["gives the token unescaped", String.raw`],"nextPgToken": "a\"b\\","problems":[]}`, String.raw`a"b\ `.trim()],
    ["gives no token for null", `],"nextPgToken":null}`, undefined],
    ["gives no token if there is none", `]}`, undefined],
    ["gives no token if the page is cut", `],"nextPgToken":"0_ab`, undefined],
  ] as const) {
    it(what, async () => {
      const bytes = Buffer.from(`{"fileEvents":[${`{"x":"${"y".repeat(500)}"},`.repeat(50)}{}${end}`);
      for (const size of [7, 100, 5000, bytes.length]) assert.equal(await textAtTheEnd(chunkedBody(bytes, size), "nextPgToken"), expected);
    });
  }
});
