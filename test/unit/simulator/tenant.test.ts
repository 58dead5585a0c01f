import assert from "node:assert/strict";
import { eventId, FileEventWriter, indexOfId, makeFileEvent, type FileEvent } from "../../../src/simulator/events";
import { startTenantSimulator, type TenantSimulator, type TenantSimulatorOptions } from "../../../src/simulator/tenant";

const START_MS = Date.parse("2025-03-01T10:00:00.000Z");

interface Page {
  totalCount: number;
  fileEvents: FileEvent[] | null;
  nextPgToken: string | null;
  problems: { description: string; type: string }[] | null;
}

describe("simulated tenant", () => {
  const running: TenantSimulator[] = [];
  const start = async (options: TenantSimulatorOptions = {}) => {
    const tenant = await startTenantSimulator({ requestsPerMinute: 10_000, ...options });
    running.push(tenant);
    return tenant;
  };
  after(async () => {
    for (const tenant of running) await tenant.close();
  });

  const signIn = async (tenant: TenantSimulator): Promise<string> => {
    const reply = await fetch(`${tenant.url}/v1/oauth?grant_type=client_credentials`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${tenant.clientId}:${tenant.clientSecret}`).toString("base64")}` },
    });
    assert.equal(reply.status, 200);
    return ((await reply.json()) as { access_token: string }).access_token;
  };
  const search = async (tenant: TenantSimulator, body: unknown, token?: string): Promise<{ status: number; page: Page; headers: Headers }> => {
    const reply = await fetch(`${tenant.url}/v2/file-events`, {
      method: "POST",
      headers: { authorization: `Bearer ${token ?? await signIn(tenant)}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: reply.status, page: await reply.json() as Page, headers: reply.headers };
  };
  const filters = (...list: [term: string, operator: string, value?: unknown][]) => ({
    filterClause: "AND", filters: list.map(([term, operator, value]) => ({ term, operator, value: value ?? null })),
  });
  const floor = (iso: string) => filters(["event.inserted", "ON_OR_AFTER", iso]);
  const query = (groups: unknown[], more: Record<string, unknown> = {}) => ({
    groupClause: "AND", groups, srtKey: "event.inserted", srtDir: "asc", pgSize: 1000, pgToken: "", ...more,
  });
  const everything = [floor("2000-01-01T00:00:00.000Z")];
  const walk = async (tenant: TenantSimulator, groups: unknown[], pgSize: number): Promise<FileEvent[][]> => {
    const token = await signIn(tenant);
    const pages: FileEvent[][] = [];
    for (let pgToken: string | null = ""; pgToken !== null;) {
      const { status, page } = await search(tenant, query(groups, { pgSize, pgToken }), token);
      assert.equal(status, 200, JSON.stringify(page));
      pages.push(page.fileEvents ?? []);
      pgToken = page.nextPgToken;
    }
    return pages;
  };
  const event = (index: number, us: number) => makeFileEvent(index, { insertedUs: us });

  describe("events", () => {
    it("are the same for the same number, as an object and as text", () => {
      const writer = new FileEventWriter(3);
      for (let index = 0; index < 2100; index++) {
        assert.equal(writer.json(index, START_MS * 1000 + index), JSON.stringify(makeFileEvent(index, { seed: 3, insertedUs: START_MS * 1000 + index })));
      }
    });

    it("have unique ids that hold the number and are not ordered by time", () => {
      const list = Array.from({ length: 5000 }, (_, index) => eventId(index));
      assert.equal(new Set(list).size, list.length);
      assert.notDeepEqual([...list].sort(), list);
      list.forEach((id, index) => assert.equal(indexOfId(id), index));
      assert.equal(indexOfId("0_7c1f0b52-5a3e-4c2b-8f57-1e2d3c4b5a69_1068825680073059134_1068826271084047166_1_EPS"), undefined);
    });

    it("hold characters that are hard for formatters: backslashes, | and =, and about 6 % non-ASCII names", () => {
      const events = Array.from({ length: 1000 }, (_, index) => event(index, 0));
      const names = events.map((one) => (one["file"] as { name: string }).name);
      const foreign = names.filter((name) => /[^ -~]/.test(name)).length;
      assert.ok(foreign > 40 && foreign < 80, String(foreign));
      for (const character of ["|", "="]) assert.ok(names.some((name) => name.includes(character)));
      assert.ok(events.some((one) => JSON.stringify(one).includes("\\\\Device")));
    });
  });

  describe("sign-in", () => {
    let tenant: TenantSimulator;
    before(async () => {
      tenant = await start();
    });

    it("accepts the client's credentials as a form too", async () => {
      const body = new URLSearchParams({ grant_type: "client_credentials", client_id: tenant.clientId, client_secret: tenant.clientSecret });
      const reply = await fetch(`${tenant.url}/v1/oauth`, { method: "POST", body });
      assert.deepEqual(Object.keys(await reply.json() as object), ["access_token", "token_type", "expires_in"]);
    });

    it("refuses a wrong client with invalid_client", async () => {
      const reply = await fetch(`${tenant.url}/v1/oauth`, { method: "POST", headers: { authorization: `Basic ${Buffer.from("a:b").toString("base64")}` } });
      assert.equal(reply.status, 401);
      assert.deepEqual(await reply.json(), { error: "invalid_client" });
    });

    it("refuses a search with an invalid, a revoked or an expired token", async () => {
      assert.equal((await search(tenant, query(everything), "nonsense")).status, 401);
      const token = await signIn(tenant);
      assert.equal((await search(tenant, query(everything), token)).status, 200);
      tenant.clockOffsetMs = 901_000;
      assert.equal((await search(tenant, query(everything), token)).status, 401);
      tenant.clockOffsetMs = 0;
      tenant.revokeTokens();
      assert.equal((await search(tenant, query(everything), token)).status, 401);
    });
  });

  describe("paging", () => {
    it("returns 12,345 preloaded events once each, in order, beyond the 10,000 that page numbers reach", async () => {
      const tenant = await start();
      tenant.preload({ count: 12_345, startMs: START_MS });
      const pages = await walk(tenant, everything, 5000);
      assert.deepEqual(pages.map((page) => page.length), [5000, 5000, 2345]);
      assert.deepEqual(pages.flat().map((one) => one.event.id), Array.from({ length: 12_345 }, (_, index) => eventId(index)));
    });

    it("orders all events by insertion time and id, also those of the same microsecond", async () => {
      const tenant = await start();
      tenant.preload({ count: 100, startMs: START_MS });
      const burst = Array.from({ length: 25 }, (_, index) => event(1000 + index, (START_MS + 50) * 1000));
      tenant.add(burst);
      const found = (await walk(tenant, everything, 10)).flat();
      assert.equal(found.length, 125);
      assert.equal(new Set(found.map((one) => one.event.id)).size, 125);
      const keys = found.map((one) => `${one.event.inserted} ${one.event.id}`);
      assert.deepEqual([...keys].sort(), keys);
    });

    it("counts all matches, and compares dates inclusively to the millisecond", async () => {
      const tenant = await start();
      tenant.preload({ count: 10_000, startMs: START_MS, stepUs: 250 });
      const { page } = await search(tenant, query([floor("2025-03-01T10:00:01.000123Z")], { pgSize: 1 }));
      assert.equal(page.totalCount, 6000);
      assert.equal(page.fileEvents?.[0]?.event.inserted, "2025-03-01T10:00:01.000000Z");
      const slice = await search(tenant, query([filters(["event.inserted", "ON_OR_AFTER", "2025-03-01T10:00:01.000Z"], ["event.inserted", "ON_OR_BEFORE", "2025-03-01T10:00:01.001Z"])]));
      assert.equal(slice.page.totalCount, 8);
      assert.equal(slice.page.nextPgToken, null);
    });

    it("by number ends at 10,000 events and never returns a token", async () => {
      const tenant = await start();
      tenant.preload({ count: 300, startMs: START_MS });
      const second = await search(tenant, query(everything, { pgToken: null, pgNum: 2, pgSize: 100 }));
      assert.equal(second.page.fileEvents?.[0]?.event.id, eventId(100));
      assert.equal(second.page.nextPgToken, null);
      assert.equal((await search(tenant, query(everything, { pgToken: null, pgNum: 2, pgSize: 10_000 }))).status, 400);
    });

    it("refuses a token that is unknown or no longer matches the query", async () => {
      const tenant = await start();
      tenant.preload({ count: 300, startMs: START_MS });
      for (const [token, groups] of [["nobody", everything], [eventId(3), [floor("2025-03-01T10:00:00.200Z")]]] as const) {
        const { status, page } = await search(tenant, query([...groups], { pgToken: token }));
        assert.equal(status, 400);
        assert.match(JSON.stringify(page), /INVALID_PAGE_TOKEN/);
      }
    });

    it("hides an event until it becomes visible, and then returns it in order", async () => {
      const tenant = await start();
      tenant.preload({ count: 3, startMs: START_MS });
      tenant.add([event(77, START_MS * 1000 + 500)], { visibleInMs: 60_000 });
      assert.equal((await walk(tenant, everything, 10)).flat().length, 3);
      tenant.clockOffsetMs = 60_001;
      assert.deepEqual((await walk(tenant, everything, 10)).flat().map((one) => one.event.id), [eventId(0), eventId(77), eventId(1), eventId(2)]);
    });

    it("continues with a live stream, which is the same after a restart", async () => {
      const options = { now: () => START_MS + 2000 };
      const [one, other] = [await start(options), await start(options)];
      for (const tenant of [one, other]) tenant.live({ perSecond: 10, sinceMs: START_MS });
      const [ours, theirs] = [(await walk(one, everything, 7)).flat(), (await walk(other, everything, 10)).flat()];
      assert.equal(ours.length, 21);
      assert.deepEqual(ours, theirs);
      one.clockOffsetMs = 1000;
      assert.equal((await walk(one, everything, 100)).flat().length, 31);
    });
  });

  describe("criteria", () => {
    let tenant: TenantSimulator;
    const all = Array.from({ length: 400 }, (_, index) => event(index, START_MS * 1000 + index * 1000));
    const value = (one: FileEvent, group: string, key: string) => (one[group] as Record<string, unknown>)[key];
    const ids = (list: FileEvent[]) => list.map((one) => one.event.id);
    before(async () => {
      tenant = await start();
      tenant.preload({ count: 400, startMs: START_MS });
    });
    const found = async (groups: unknown[], clause = "AND") => {
      const { status, page } = await search(tenant, query(groups, { groupClause: clause }));
      assert.equal(status, 200, JSON.stringify(page));
      assert.equal(page.totalCount, page.fileEvents?.length);
      return ids(page.fileEvents ?? []);
    };
    const expect = (keep: (one: FileEvent) => boolean) => {
      const list = ids(all.filter(keep));
      assert.ok(list.length > 0 && list.length < all.length, "the filter matches some events, not all");
      return list;
    };

    const cases: [name: string, groups: unknown[], keep: (one: FileEvent) => boolean][] = [
      ["IS", [filters(["event.observer", "IS", "Box"])], (one) => one.event["observer"] === "Box"],
      ["IS_NOT", [filters(["event.observer", "IS_NOT", "Endpoint"])], (one) => one.event["observer"] !== "Endpoint"],
      ["IS_ANY", [filters(["event.observer", "IS_ANY", ["Box", "Office365"]])], (one) => ["Box", "Office365"].includes(one.event["observer"] as string)],
      ["IS_NONE", [filters(["event.observer", "IS_NONE", ["Box", "Office365"]])], (one) => !["Box", "Office365"].includes(one.event["observer"] as string)],
      ["EXISTS", [filters(["file.directory", "EXISTS"])], (one) => value(one, "file", "directory") !== null],
      ["DOES_NOT_EXIST", [filters(["file.directory", "DOES_NOT_EXIST"])], (one) => value(one, "file", "directory") === null],
      ["GREATER_THAN and LESS_THAN", [filters(["risk.score", "GREATER_THAN", 2], ["risk.score", "LESS_THAN", "8"])], (one) => value(one, "risk", "score") === 5],
      ["wildcards", [filters(["file.name", "IS", "*=*.txt"])], (one) => value(one, "file", "name") === "key=value.txt"],
      ["booleans as text", [filters(["risk.trusted", "IS", "TRUE"])], (one) => value(one, "risk", "trusted") === true],
      ["values in lists", [filters(["risk.indicators.name", "IS", "Dropbox upload"])], (one) => JSON.stringify(value(one, "risk", "indicators")).includes("Dropbox upload")],
      ["ON_OR_AFTER", [filters(["event.inserted", "ON_OR_AFTER", "2025-03-01T10:00:00.100Z"])], (one) => one.event.inserted >= "2025-03-01T10:00:00.100"],
      [
        "an OR that is nested under the cursor",
        [{ subgroupClause: "OR", subgroups: [filters(["event.observer", "IS", "Box"]), filters(["risk.severity", "IS", "HIGH"])] }, floor("2025-03-01T10:00:00.200Z")],
        (one) => one.event.inserted >= "2025-03-01T10:00:00.200" && (one.event["observer"] === "Box" || value(one, "risk", "severity") === "HIGH"),
      ],
    ];
    for (const [name, groups, keep] of cases) {
      it(`${name} selects the right events`, async () => assert.deepEqual(await found(groups), expect(keep)));
    }

    it("joins groups with OR, even if one is the insertion time", async () => {
      const groups = [floor("2025-03-01T10:00:00.350Z"), filters(["event.observer", "IS", "Box"])];
      assert.deepEqual(await found(groups, "OR"), expect((one) => one.event.inserted >= "2025-03-01T10:00:00.350" || one.event["observer"] === "Box"));
    });

    it("WITHIN_THE_LAST counts back from the server's clock", async () => {
      tenant.clockOffsetMs = START_MS + 10_000 - Date.now();
      const list = await found([filters(["event.inserted", "WITHIN_THE_LAST", "PT10S"])]);
      tenant.clockOffsetMs = 0;
      assert.ok(list.length > 380, String(list.length));
    });

    it("sorts by any term, both ways", async () => {
      const { page } = await search(tenant, query(everything, { srtKey: "event.id", srtDir: "desc", pgSize: 3 }));
      assert.deepEqual(ids(page.fileEvents ?? []), ids(all).sort().reverse().slice(0, 3));
    });

    const refused: [name: string, body: unknown, text: RegExp][] = [
      ["no groups", query([]), /at least one group/],
      ["an unknown term", query([filters(["file.colour", "IS", "red"])]), /Unknown search term: file.colour/],
      ["an unknown operator", query([filters(["file.name", "SOUNDS_LIKE", "x"])]), /Unknown operator/],
      ["an invalid date", query([floor("yesterday")]), /Not a date/],
      ["1,025 criteria", query([{ filterClause: "OR", filters: Array.from({ length: 1025 }, () => ({ term: "file.name", operator: "IS", value: "x" })) }]), /1025 criteria/],
      ["a page of 10,001", query(everything, { pgSize: 10_001 }), /pgSize/],
    ];
    for (const [name, body, text] of refused) {
      it(`${name} is refused with a problem that names it`, async () => {
        const { status, page } = await search(tenant, body);
        assert.equal(status, 400);
        assert.match(page.problems?.[0]?.description ?? "", text);
      });
    }
  });

  it("returns faults instead of a page, each for a set number of requests and after a set number", async () => {
    const tenant = await start();
    tenant.preload({ count: 10, startMs: START_MS });
    const token = await signIn(tenant);
    const ask = (pgToken: string) => search(tenant, query(everything, { pgSize: 4, pgToken }), token);
    tenant.faults.add({ kind: "problems", description: "search timed out" });
    assert.equal((await ask("")).page.problems?.[0]?.description, "search timed out");
    tenant.faults.add({ kind: "null-events" }, { after: 1 });
    assert.equal((await ask("")).page.fileEvents?.length, 4);
    assert.equal((await ask("")).page.fileEvents, null);
    tenant.faults.add({ kind: "same-token" }, { times: 2 });
    for (let count = 0; count < 2; count++) assert.equal((await ask(eventId(3))).page.nextPgToken, eventId(3));
    assert.equal((await ask(eventId(3))).page.nextPgToken, eventId(7));
    tenant.faults.add({ kind: "reject-token" }, { times: Infinity });
    assert.equal((await ask("")).status, 200);
    assert.equal((await ask(eventId(3))).status, 400);
    tenant.faults.clear();
    assert.equal((await ask(eventId(3))).status, 200);
    assert.equal(tenant.faults.hits, 5);
  });

  it("answers 429 with Retry-After above the limit", async () => {
    const tenant = await start({ requestsPerMinute: 3 });
    const token = await signIn(tenant);
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) statuses.push((await search(tenant, query(everything), token)).status);
    assert.deepEqual(statuses, [200, 200, 200, 429]);
    const wait = Number((await search(tenant, query(everything), token)).headers.get("retry-after"));
    assert.ok(wait > 50 && wait <= 60, String(wait));
  });

  it("serves a backlog of 300,000 events without storing them", async function () {
    this.timeout(20_000);
    const tenant = await start();
    tenant.preload({ count: 300_000, startMs: START_MS });
    const { page } = await search(tenant, query([floor("2025-03-01T10:04:50.000Z")], { pgSize: 10_000 }));
    assert.equal(page.totalCount, 10_000);
    assert.equal(page.fileEvents?.at(-1)?.event.id, eventId(299_999));
  });
});
