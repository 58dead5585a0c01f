import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { RawBody, type Body } from "../../../src/body";
import { queryError } from "../../../src/code42/errors";
import { fileEvents } from "../../../src/code42/file-events";
import { textAtTheEnd } from "../../../src/code42/page";
import type { PollOptions, Reply } from "../../../src/code42/source";
import type { Api } from "../../../src/code42/walk";
import { makeFileEvent } from "../../../src/simulator/events";
import { chunkedBody } from "../../support/chunked-body";
import { until } from "../../support/until";

const START = Date.UTC(2026, 0, 5);
const PAGE = 20;
const PAGES = 4;

const pageBytes = (page: number, nextToken: string | null) => Buffer.from(JSON.stringify({
  totalCount: PAGE * PAGES,
  fileEvents: Array.from({ length: PAGE }, (_, index) => makeFileEvent(page * PAGE + index, { insertedUs: (START + page * PAGE + index) * 1000 })),
  nextPgToken: nextToken,
}));

/** A tenant that takes `latencyMs` for an answer, whose pages can be read when `gate` says so, and seem to end with the token that `hint` makes of theirs. */
function slowTenant(latencyMs: number, gate: () => Promise<unknown>, hint = (token: string | null) => token) {
  const asked: string[] = [];
  const bodies = Array.from({ length: PAGES }, (_, page): Body => {
    const next = page + 1 < PAGES ? String(page + 1) : null;
    const bytes = pageBytes(page, next);
    const seeming = pageBytes(page, hint(next));
    return {
      async *chunks() {
        await gate();
        yield bytes;
      },
      whole: () => bytes,
      raw: new RawBody(seeming, false, seeming.length),
    };
  });
  const api = {
    serverNow: () => START + 3_600_000,
    async post() {
      const data = Buffer.from(`{"totalCount":0,"fileEvents":[]}`);
      return { data, date: START + 3_600_000, elapsedMs: latencyMs };
    },
    async postAndRead(_path: string, { pgToken }: { pgToken: string }, read: (body: Body) => Promise<unknown>) {
      asked.push(pgToken);
      await sleep(latencyMs);
      const body = bodies[Number(pgToken)];
      if (body === undefined) throw queryError("PAGE_INVALID", { reason: "no such token" });
      return { value: await read(body), date: START + 3_600_000, elapsedMs: latencyMs };
    },
  } as unknown as Api;
  return { api, asked };
}

const poll = (api: Api): PollOptions => ({
  api, criteria: { clause: "AND", groups: [] }, extraGroups: [], cursor: { floorMs: START, lastMs: undefined, size: 0 }, overlapMs: 300_000, pageSize: PAGE,
  known: () => false, prepare: () => undefined, warn: (key) => assert.fail(key), onRetry: () => undefined, signal: new AbortController().signal,
});

async function keysOf(replies: AsyncGenerator<Reply>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { events } of replies) for (const { key } of events) keys.push(key);
  return keys;
}

describe("a walk along page tokens", () => {
  it("asks a slow server for the next page before this one is read, once for each page", async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { api, asked } = slowTenant(40, () => gate);
    const walk = keysOf(fileEvents.read(poll(api)));
    await until(() => asked.length === 2, "the second page was asked for");
    open();
    const keys = await walk;
    assert.deepEqual(asked, ["", "1", "2", "3"]);
    assert.equal(new Set(keys).size, PAGE * PAGES);
    assert.equal(keys.length, PAGE * PAGES);
  });

  it("does not trust the end of a page that it has not read", async () => {
    const { api, asked } = slowTenant(40, () => sleep(20), (token) => (token === null ? "9" : `${token}9`));
    const keys = await keysOf(fileEvents.read(poll(api)));
    assert.equal(new Set(keys).size, PAGE * PAGES);
    assert.deepEqual(asked.filter((token) => !token.endsWith("9")), ["", "1", "2", "3"]);
    assert.ok(asked.includes("19"), "it did ask");
  });

  it("reads first where the server is fast", async () => {
    const { api, asked } = slowTenant(0, () => sleep(20));
    const keys = await keysOf(fileEvents.read(poll(api)));
    assert.equal(keys.length, PAGE * PAGES);
    assert.deepEqual(asked, ["", "1", "2", "3"]);
  });
});

describe("the end of a page", () => {
  for (const [what, end, expected] of [
    ["gives its text", `],"nextPgToken":"0_abc_9","problems":null}`, "0_abc_9"],
    ["gives it unescaped", String.raw`],"nextPgToken": "a\"b\\","problems":[]}`, String.raw`a"b\ `.trim()],
    ["gives none where there is null", `],"nextPgToken":null}`, undefined],
    ["gives none where there is nothing", `]}`, undefined],
    ["gives none where it is cut", `],"nextPgToken":"0_ab`, undefined],
  ] as const) {
    it(what, async () => {
      const bytes = Buffer.from(`{"fileEvents":[${`{"x":"${"y".repeat(500)}"},`.repeat(50)}{}${end}`);
      for (const size of [7, 100, 5000, bytes.length]) assert.equal(await textAtTheEnd(chunkedBody(bytes, size), "nextPgToken"), expected);
    });
  }
});
