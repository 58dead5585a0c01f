import assert from "node:assert/strict";
import cefFormat from "../../nodes/cef-format";
import { inHand } from "../../src/delivery/in-hand";
import { deliveryRegistry } from "../../src/delivery/registry";
import { makeFileEvent } from "../../src/simulator/events";
import { parseCef } from "../../src/simulator/cef-parser";
import golden from "../data/c42eventextractor-cef.json";
import { getNode, loadFlow, recordMessages, recordStatus, unloadFlow, until } from "../support/node-red";

const KIND = "code42.file-event.v2";
const page = (count: number, from = 0) => Array.from({ length: count }, (_, index) => makeFileEvent(from + index, { insertedUs: 1_738_000_000_000_000 + index }));
const id = (line: unknown) => parseCef(line as string).extension.get("devicePayloadId");

interface Call { args: [{ code?: string; message?: string } | undefined] }

/** A running node, and its messages, errors and warnings. */
async function start(properties: Record<string, unknown> = {}) {
  await loadFlow([cefFormat], [
    { id: "cef", type: "cef-format", name: "", property: "payload", kind: "auto", profile: "standard", vendor: "", product: "", version: "", severity: "", fields: [], maxBytes: "8000", ...properties, wires: [["out"], ["aside"]] },
    { id: "out", type: "helper", wires: [] },
    { id: "aside", type: "helper", wires: [] },
    { id: "complete", type: "complete", scope: ["cef"], wires: [["completed"]] },
    { id: "completed", type: "helper", wires: [] },
    { id: "catch", type: "catch", scope: ["cef"], wires: [["caught"]] },
    { id: "caught", type: "helper", wires: [] },
  ]);
  const warnings: string[] = [];
  getNode("cef").on("call:warn" as never, ((call: { args: [string] }) => warnings.push(call.args[0])) as never);
  const status = recordStatus("cef");
  return {
    out: recordMessages("out"), aside: recordMessages("aside"), completed: recordMessages("completed"), caught: recordMessages("caught"), warnings, status,
    send: (message: Record<string, unknown>) => getNode("cef").receive(message),
  };
}
const codeOf = (message: Record<string, unknown> | undefined) => (message?.["error"] as { code?: string } | undefined)?.code;

describe("cef-format in Node-RED", () => {
  afterEach(() => unloadFlow());

  it("makes a line of an event and keeps the rest of the message", async () => {
    const { out, completed, send, status } = await start();
    const delivery = { token: "t:1", index: 0, count: 1 };
    send({ payload: page(1)[0], kind: KIND, topic: "code42/file-events", delivery });
    await until(() => completed.length === 1, "the message is complete");
    assert.equal(id(out[0]?.["payload"]), page(1)[0]!.event.id);
    assert.equal(out[0]?.["topic"], "code42/file-events");
    assert.deepEqual(out[0]?.["delivery"], delivery);
    assert.equal("cef" in out[0], false);
    await until(() => status.length > 0, "a status is shown");
    assert.deepEqual(status[0], { fill: "green", shape: "dot", text: "status.formatted" });
  });
  it("makes a list of lines of a page, in the same order, and an empty list of an empty page", async () => {
    const { out, send } = await start();
    send({ payload: page(50), kind: KIND });
    send({ payload: [], kind: KIND });
    await until(() => out.length === 2, "two messages came");
    assert.deepEqual((out[0]?.["payload"] as string[]).map(id), page(50).map(({ event }) => event.id));
    assert.deepEqual(out[1]?.["payload"], []);
  });
  it("sends each event that it could not format to the second output, whole, with the reason and without the delivery", async () => {
    const { out, aside, send } = await start();
    const delivery = { token: "t:1", index: 0, count: 1 };
    const [good] = page(1);
    send({ payload: [good, "no event", { nothing: "known" }], kind: KIND, topic: "code42/file-events", delivery, parts: { id: "p", index: 0, count: 1 } });
    send({ payload: null, kind: KIND });
    send({ payload: "one", kind: KIND, delivery });
    await until(() => out.length === 3 && aside.length === 4, "all came out");
    assert.deepEqual(aside.map(({ payload }) => payload), ["no event", { nothing: "known" }, null, "one"]);
    for (const message of aside) {
      assert.ok(codeOf(message));
      assert.equal(message["kind"], KIND);
      assert.ok(!("delivery" in message) && !("parts" in message));
    }
    assert.equal((out[0]?.["payload"] as string[]).length, 3, "the page is whole");
    assert.deepEqual(out[0]?.["delivery"], delivery);
  });
  it("adds its figures to a stats message, and treats an event with such a property as an event", async () => {
    const { out, send } = await start();
    send({ payload: [...page(2), null], kind: KIND });
    send({ action: "stats", payload: "whatever was there" });
    send({ action: "stats", payload: page(1), kind: KIND, delivery: { token: "t:1", index: 0, count: 1 } });
    await until(() => out.length === 3, "all came out");
    assert.equal(out[1]?.["topic"], "security-events/stats");
    const [figures, ...more] = out[1]?.["payload"] as Record<string, unknown>[];
    assert.equal(more.length, 0);
    const { lastError, status, ...counts } = figures ?? {};
    assert.deepEqual(counts, { id: "cef", type: "cef-format", name: "", received: 3, sent: 2, failed: 1, waiting: 0, dropped: { queue_full: 0, stopped: 0, unusable: 0 } });
    assert.deepEqual(status, { fill: "yellow", text: "status.failed", recovered: undefined });
    assert.equal((lastError as { code: string }).code, "EVENT_NOT_OBJECT");
    assert.equal((out[2]?.["payload"] as string[]).length, 1, "a page is never a command");
  });
  it("keeps the order of messages, and lets other work run while it formats a long page", async () => {
    const { out, completed, send } = await start();
    const [first, second, third, fourth] = page(4) as [object, object, object, object];
    const pages = [Array<object>(20_000).fill(first), [second], Array<object>(5000).fill(third), [fourth]];
    let breaths = 0;
    const breathe = () => {
      breaths++;
      if (completed.length < pages.length) setImmediate(breathe);
    };
    breathe();
    for (const payload of pages) send({ payload, kind: KIND });
    await until(() => completed.length === 4, "all messages are complete", 20_000);
    assert.deepEqual(out.map(({ payload }) => (payload as string[]).length), [20_000, 1, 5000, 1]);
    assert.deepEqual(out.map(({ payload }) => id((payload as string[])[0])), page(4).map(({ event }) => event.id));
    assert.ok(breaths > 20, `${breaths} other turns of the event loop`);
  }).timeout(30_000);
  it("makes a line of an event that cannot be formatted, counts it and warns once", async () => {
    const { out, completed, warnings, status, send } = await start();
    send({ payload: [...page(1), null, {}, 5], kind: KIND });
    send({ payload: 42, kind: KIND });
    await until(() => completed.length === 2, "both messages are complete");
    const lines = out[0]?.["payload"] as string[];
    assert.deepEqual(lines.map((line) => parseCef(line).classId === "unformatted"), [false, true, true, true]);
    assert.deepEqual(out[0]?.["cef"], { failed: 3 });
    assert.equal(parseCef(out[1]?.["payload"] as string).classId, "unformatted");
    await until(() => warnings.length === 2, "two warnings");
    await until(() => status.some(({ fill, shape }) => fill === "yellow" && shape === "ring"), "the status is yellow");
  });
  it("refuses a message without kind, with an unknown kind, or without the property", async () => {
    const { out, caught, send } = await start();
    send({ payload: page(1) });
    send({ payload: page(1), kind: "acme.event" });
    send({ kind: KIND });
    await until(() => caught.length === 3, "three errors are caught");
    assert.deepEqual(caught.map(codeOf), ["KIND_MISSING", "KIND_UNKNOWN", "PROPERTY_MISSING"]);
    assert.equal(out.length, 0);
  });
  it("uses the kind and the property of its settings", async () => {
    const { out, caught, send } = await start({ kind: KIND, property: "siem.event" });
    send({ payload: "untouched", siem: { event: page(1)[0] } });
    send({ payload: "nothing there" });
    await until(() => out.length === 1 && caught.length === 1, "one message and one error came");
    assert.equal(out[0]?.["payload"], "untouched");
    assert.equal(id((out[0]?.["siem"] as { event: string }).event), page(1)[0]!.event.id);
    assert.equal(codeOf(caught[0]), "PROPERTY_MISSING");
  });
  it("applies header, severity, own fields and the maximum length of a line", async () => {
    const { out, send } = await start({ vendor: "Mimecast", severity: "9", maxBytes: "700", fields: [{ key: "cs1", type: "string", source: "user.id", label: "User" }] });
    send({ payload: page(1)[0], kind: KIND });
    await until(() => out.length === 1, "a message came");
    const line = out[0]?.["payload"] as string;
    assert.match(line, /^CEF:0\|Mimecast\|Incydr\|2\|[a-z-]+\|[^|]+\|9\|/);
    assert.ok(Buffer.byteLength(line) <= 700);
  });
  it("writes the lines of c42eventextractor in the compatible profile, and refuses other kinds of records", async () => {
    const { out, caught, send } = await start({ profile: "compatible" });
    send({ payload: [golden.cases[0]!.event, golden.cases[1]!.event], kind: "code42.file-event.v1" });
    send({ payload: page(1), kind: KIND });
    await until(() => out.length === 1 && caught.length === 1, "one message and one error came");
    assert.deepEqual(out[0]?.["payload"], [golden.cases[0]!.line, golden.cases[1]!.line]);
    assert.equal(codeOf(caught[0]), "PROFILE_KIND");
  });
  it("writes JSON, and for an event that is too long an id, while the whole event goes to the second output", async () => {
    const { out, aside, send, warnings } = await start({ format: "raw-json", maxBytes: "4000" });
    const [short, long] = page(2);
    const tooLong = { ...long, file: { name: "x".repeat(5000) } };
    const delivery = { token: "t:1", index: 0, count: 1 };
    send({ payload: [short, tooLong], kind: KIND, delivery });
    send({ payload: { a: null }, kind: "acme.event" });
    await until(() => out.length === 2 && aside.length === 1, "all came out");
    const lines = out[0]?.["payload"] as string[];
    assert.deepEqual(JSON.parse(lines[0]!), JSON.parse(JSON.stringify(short)));
    assert.equal((JSON.parse(lines[1]!) as { id: string }).id, long!.event.id);
    assert.deepEqual(out[0]?.["delivery"], delivery);
    assert.deepEqual(out[0]?.["cef"], { failed: 1 });
    assert.deepEqual(aside[0]?.["payload"], tooLong);
    assert.equal(codeOf(aside[0]), "EVENT_TOO_LONG");
    assert.equal(out[1]?.["payload"], '{"a":null}');
    assert.equal(warnings.length, 1);
  });
  for (const [name, properties, code] of [
    ["a profile that does not exist", { profile: "other" }, "PROPERTY_CHOICE"],
    ["a format that does not exist", { format: "xml" }, "PROPERTY_CHOICE"],
    ["a record that the compatible profile has no form for", { profile: "compatible", kind: KIND }, "PROFILE_KIND"],
    ["an unknown record", { kind: "acme.event" }, "KIND_UNKNOWN"],
    ["an illegal own field", { fields: [{ key: "eventId", type: "long", source: "event.id" }] }, "FIELD_KEY_RESERVED"],
    ["fields that are no list", { fields: "x" }, "PROPERTY_LIST"],
    ["a severity that CEF has not", { severity: "11" }, "SEVERITY"],
    ["too short a line", { maxBytes: "100" }, "PROPERTY_NUMBER"],
  ] as const) {
    it(`refuses ${name}: its status is red, and every message fails`, async () => {
      const { out, caught, send } = await start(properties);
      await until(() => caught.length === 1, "the error of the settings is caught");
      send({ payload: page(1), kind: KIND });
      await until(() => caught.length === 2, "the error of the message is caught");
      assert.deepEqual(caught.map(codeOf), [code, code]);
      assert.deepEqual(caught.map((message) => "payload" in message), [false, true]);
      assert.equal(out.length, 0);
    });
  }
  it("refuses what does not fit in its memory, counts it by its reason, and lets the query send such a page again", async () => {
    const { out, completed, caught, send } = await start();
    const rejected: string[] = [];
    const registry = deliveryRegistry();
    const token = registry.open(1, {
      confirmed: () => undefined, holdChanged: () => undefined,
      rejected: (_index, reason) => void rejected.push((reason as { code?: string }).code ?? ""),
    });
    const event = page(1)[0]!;
    send({ payload: Array(100_000).fill(event), kind: KIND });
    send({ payload: page(2), kind: KIND, delivery: { token, index: 0, count: 1 } });
    await until(() => caught.length === 1 && completed.length === 1, "one message failed, the other is complete", 30_000);
    assert.equal(codeOf(caught[0]), "FORMAT_QUEUE_FULL");
    assert.deepEqual(rejected, ["FORMAT_QUEUE_FULL"]);
    send({ payload: [event], kind: KIND });
    send({ payload: [event] });
    send({ action: "stats" });
    await until(() => out.length === 3, "a new event passes");
    const [figures] = out[2]?.["payload"] as Record<string, unknown>[];
    assert.deepEqual([figures?.["received"], figures?.["sent"], figures?.["dropped"]], [100_004, 100_001, { queue_full: 2, stopped: 0, unusable: 1 }]);
    registry.close(token);
  }).timeout(60_000);
  it("tells its figures, with the reason, also with a wrong configuration", async () => {
    const { out, caught, send } = await start({ maxBytes: "few" });
    send({ action: "stats" });
    await until(() => out.length === 1, "the answer comes");
    const [figures] = out[0]?.["payload"] as { status?: { fill: string }; lastError?: { code: string } }[];
    assert.deepEqual([figures?.status?.fill, figures?.lastError?.code], ["red", "PROPERTY_NUMBER"]);
    assert.equal(caught.filter(({ action }) => action === "stats").length, 0);
  });
  it("counts what it holds of a source by the ids of its messages, whatever becomes of them", async () => {
    const { out, caught, send } = await start();
    let releases = 0;
    const source = inHand().open(() => void (releases += 1));
    const send1001 = () => send({ _msgid: source.id(), payload: page(1001), kind: KIND });
    send1001();
    assert.equal(source.isFull(), true);
    await until(() => out.length === 1, "the page is formatted");
    assert.deepEqual([source.isFull(), releases], [false, 1]);
    send({ _msgid: source.id(), payload: [], kind: "unknown" });
    await until(() => caught.length === 1, "a message failed");
    send1001();
    await getNode("cef").close(false);
    assert.equal(source.isFull(), false);
    source.close();
  });
  it("fails unfinished messages when it closes, and ends each message once", async () => {
    const { out, send } = await start();
    const results: string[] = [];
    getNode("cef").on("call:error" as never, ((call: Call) => results.push(call.args[0]?.code ?? "?")) as never);
    send({ payload: Array(30_000).fill(page(1)[0]), kind: KIND });
    send({ payload: page(1), kind: KIND });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await getNode("cef").close(false);
    await until(() => results.length === 2, "both messages failed");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(results, ["STOPPED", "STOPPED"]);
    assert.equal(out.length, 0);
  });
});
