import assert from "node:assert/strict";
import { eventId, makeFileEvent } from "../../../src/simulator/events";
import { flatten, makeFileEventV1, type FileEventV1 } from "../../../src/simulator/file-events-v1";
import { clientStarter, type Client } from "./client";

const START_MS = Date.parse("2022-03-05T10:00:00.000Z");
/** The keys of Code42's documented sample. */
const KEYS = [
  "eventId", "eventType", "eventTimestamp", "insertionTimestamp", "fieldErrors", "filePath", "fileName", "fileType", "fileCategory", "fileCategoryByBytes", "fileCategoryByExtension",
  "fileSize", "fileOwner", "md5Checksum", "sha256Checksum", "createTimestamp", "modifyTimestamp", "deviceUserName", "osHostName", "domainName", "publicIpAddress", "privateIpAddresses",
  "deviceUid", "userUid", "operatingSystemUser", "actor", "directoryId", "source", "url", "shared", "sharedWith", "sharingTypeAdded", "cloudDriveId", "detectionSourceAlias", "fileId",
  "exposure", "processOwner", "processName", "windowTitle", "tabUrl", "tabs", "removableMediaVendor", "removableMediaName", "removableMediaSerialNumber", "removableMediaCapacity",
  "removableMediaBusType", "removableMediaMediaName", "removableMediaVolumeName", "removableMediaPartitionId", "syncDestination", "syncDestinationUsername", "emailDlpPolicyNames",
  "emailSubject", "emailSender", "emailFrom", "emailRecipients", "outsideActiveHours", "mimeTypeMismatch", "remoteActivity", "trusted", "printJobName", "printerName",
  "destinationCategory", "destinationName", "sourceCategory", "sourceName", "riskScore", "riskSeverity", "riskIndicators", "reportId",
];

describe("simulated search for flat file events", () => {
  const start = clientStarter();
  const flat = (index: number): FileEventV1 => makeFileEventV1(index, { insertedUs: START_MS * 1000 + index * 1000 });
  const all = Array.from({ length: 400 }, (_, index) => flat(index));
  let client: Client;
  before(async () => {
    client = await start();
    client.tenant.preload({ count: 400, startMs: START_MS });
  });

  const filters = (...list: [term: string, operator: string, value?: unknown][]) => ({ filterClause: "AND", filters: list.map(([term, operator, value = null]) => ({ term, operator, value })) });
  const search = (groups: unknown[], more: Record<string, unknown> = {}) => client.post<{ totalCount: number; fileEvents: FileEventV1[]; nextPgToken: string | null; problems: unknown }>(
    "/v1/file-events", { groupClause: "AND", groups, srtKey: "insertionTimestamp", srtDir: "asc", pgSize: 1000, pgToken: "", ...more },
  );
  const ids = (events: readonly FileEventV1[]) => events.map(({ eventId: id }) => id);

  it("has the keys of the documented events, and fills every one that an endpoint fills", () => {
    for (const event of all) assert.deepEqual(Object.keys(event).sort(), [...KEYS].sort());
    const empty = (value: unknown) => value === null || (Array.isArray(value) && value.length === 0);
    const filled = new Set(all.flatMap((event) => Object.keys(event).filter((key) => !empty(event[key]))));
    assert.deepEqual(KEYS.filter((key) => !filled.has(key)), ["fieldErrors", "emailDlpPolicyNames", "printJobName", "printerName", "reportId"]);
  });

  it("flattens events that lack parts", () => {
    const event = makeFileEvent(0, { insertedUs: 0 });
    assert.equal(flatten({ event: event.event })["fileName"], null);
  });

  it("pages by token through the same events as version 2", async () => {
    const walked: FileEventV1[] = [];
    for (let pgToken: string | null = ""; pgToken !== null;) {
      const { status, body } = await search([filters(["insertionTimestamp", "ON_OR_AFTER", "2000-01-01T00:00:00.000Z"])], { pgSize: 150, pgToken });
      assert.equal(status, 200);
      assert.equal(body.totalCount, 400);
      walked.push(...body.fileEvents);
      pgToken = body.nextPgToken;
    }
    assert.deepEqual(walked, all);
    assert.deepEqual(ids(walked), Array.from({ length: 400 }, (_, index) => eventId(index)));
  });

  const cases: [name: string, groups: unknown[], keep: (event: FileEventV1) => boolean][] = [
    ["the insertion time", [filters(["insertionTimestamp", "ON_OR_AFTER", "2022-03-05T10:00:00.300Z"])], (event) => event.insertionTimestamp >= "2022-03-05T10:00:00.300"],
    ["an exposure", [filters(["exposure", "IS", "RemovableMedia"])], (event) => (event["exposure"] as string[]).includes("RemovableMedia")],
    ["any exposure", [filters(["exposure", "EXISTS"])], (event) => (event["exposure"] as string[]).length > 0],
    ["a category in the spelling of filters", [filters(["fileCategory", "IS", "SourceCode"])], (event) => event["fileCategory"] === "SOURCE_CODE"],
    ["any category but one, in the spelling of events", [filters(["fileCategory", "IS_NOT", "SPREADSHEET"])], (event) => event["fileCategory"] !== "SPREADSHEET"],
    ["a tab", [filters(["tabUrls", "IS", "https://www.dropbox.com/*"])], (event) => event["tabUrl"] !== null],
    ["a risk indicator", [filters(["riskIndicatorNames", "IS", "Removable media"])], (event) => JSON.stringify(event["riskIndicators"]).includes("Removable media")],
    ["the user it was shared with", [filters(["sharedWith", "IS", "*.private@example.org"])], (event) => (event["sharedWith"] as unknown[]).length > 0],
    ["a size", [filters(["fileSize", "GREATER_THAN", 2_500_000])], (event) => (event["fileSize"] as number) > 2_500_000],
  ];
  for (const [name, groups, keep] of cases) {
    it(`selects by ${name}`, async () => {
      const expected = ids(all.filter(keep));
      assert.ok(expected.length > 0 && expected.length < all.length, "the filter matches some events, not all");
      assert.deepEqual(ids((await search(groups)).body.fileEvents), expected);
    });
  }

  const refused: [name: string, groups: unknown[], more?: Record<string, unknown>][] = [
    ["a term of version 2", [filters(["event.inserted", "ON_OR_AFTER", "2022-03-05T10:00:00.300Z"])]],
    ["an operator of version 2", [filters(["source", "IS_ANY", ["Endpoint", "Box"]])]],
    ["groups in groups", [{ subgroupClause: "OR", subgroups: [filters(["source", "IS", "Box"])] }]],
    ["no groups", []],
  ];
  for (const [name, groups] of refused) {
    it(`refuses ${name}`, async () => {
      const { status, body } = await search(groups);
      assert.equal(status, 400);
      assert.ok(Array.isArray(body.problems) && body.problems.length === 1);
    });
  }
});
