import assert from "node:assert/strict";
import { makeSavedSearch, type SavedSearch } from "../../../src/simulator/endpoints/saved-searches";
import { clientStarter, type Client } from "./client";

describe("simulated saved searches", () => {
  const start = clientStarter();
  const group = (term: string, more: Record<string, unknown> = {}) => ({ filterClause: "AND", filters: [{ term, operator: "IS", value: "x", ...more }] });
  const searches = [
    makeSavedSearch({ id: "s1", name: "Leavers", groups: [{ subgroupClause: "OR", subgroups: [group("file.name", { display: "File name" }), group("user.email")] }] }),
    makeSavedSearch({ id: "s2", name: "Old", apiVersion: 1, groups: [group("fileName"), group("deviceUserName")] }),
    makeSavedSearch({ id: "s3", name: "Old windows", apiVersion: 1, groups: [group("fileName"), group("tabTitles")] }),
  ];
  const path = "/v2/file-events/saved-searches";
  let client: Client;
  before(async () => {
    client = await start();
    client.tenant.savedSearches.push(...searches);
  });
  const get = async (id = "") => {
    const { status, body } = await client.get<{ searches: SavedSearch[] }>(`${path}${id === "" ? "" : `/${id}`}`);
    return { status, list: body.searches };
  };

  it("are listed with terms of version 2, without those that cannot be translated", async () => {
    const { list } = await get();
    assert.deepEqual(list.map(({ id }) => id), ["s1", "s2"]);
    assert.deepEqual(list[1]?.groups, [group("file.name"), group("user.email")]);
    assert.equal(list[1]?.apiVersion, 2);
  });

  it("are found by id, as a list of one, or as an empty list if they cannot be translated", async () => {
    assert.deepEqual((await get("s1")).list, [searches[0]]);
    assert.deepEqual(await get("s3"), { status: 200, list: [] });
    assert.equal((await get("nobody")).status, 404);
  });

  it("return the faults that are set for their path", async () => {
    client.tenant.faults.add({ kind: "null-events" }, { path: `${path}/s1` });
    assert.equal((await get("s1")).list, null);
  });
});
