import assert from "node:assert/strict";
import { SiemError } from "../../../src/common/errors";
import { decodeMessage, encodeEvent } from "../../../src/dxl/message";
import { readPayload, toFlowMessage, type PayloadOptions } from "../../../src/dxl/threat-event";
import { EPO_THREAT_EVENT_TOPIC, KNOWN_TOPICS } from "../../../src/dxl/topics";
import { dxlVector } from "../../support/dxl-vectors";
import { fastest } from "../../support/processor-time";

const json: PayloadOptions = { payloadType: "json", expandAggregates: false, rawPayload: false };
const read = (payload: string | Buffer, options: Partial<PayloadOptions> = {}) => readPayload(Buffer.from(payload as string), { ...json, ...options });
const message = (payload: string | object) => decodeMessage(encodeEvent({ messageId: "{m}", payload: typeof payload === "string" ? payload : JSON.stringify(payload) }));
const flow = (payload: string | object, topic = EPO_THREAT_EVENT_TOPIC, options: Partial<PayloadOptions> = {}) => toFlowMessage(topic, message(payload), { ...json, ...options });

describe("threat event: payload", () => {
  it("is JSON as it arrived", () => {
    for (const text of ['{"a":1}', ' {"a":1}\r\n', "[1]", "null", "5", '"x"']) assert.deepEqual(read(text), { payload: JSON.parse(text) as unknown, repaired: false });
  });
  it("has integers beyond 2^53 with every digit, as text", () => {
    const payload = '{"event":{"id":9007199254740993,"text":"1004622955308648174, \\"","list":[-9007199254740993,1]}}';
    assert.deepEqual(read(`${payload}\0`).payload, { event: { id: "9007199254740993", text: '1004622955308648174, "', list: ["-9007199254740993", 1] } });
    assert.throws(() => read('{"id":09007199254740993}'), { code: "PAYLOAD_NOT_JSON" });
  });
  it("is found between a byte order mark, NULs and other remains, and flagged as repaired", () => {
    for (const text of ['{"a":1}\0', '{"a":1}\n\0\0\0', '\ufeff{"a":1}', '\ufeff{"a":1}\r\n\0', '{"a":1}\r\nX', '{"a":1}\0garbage', '\ufeff{"a":1} \ufffd\0']) {
      assert.deepEqual(read(text), { payload: { a: 1 }, repaired: true }, JSON.stringify(text));
    }
    assert.deepEqual(read("[1,2]\r\nX"), { payload: [1, 2], repaired: true });
    assert.deepEqual(read("5\0"), { payload: 5, repaired: true });
    assert.deepEqual(read(Buffer.concat([Buffer.from('{"a":1}\r\n'), Buffer.from([0xc3])])), { payload: { a: 1 }, repaired: true });
  });
  it("is flagged as repaired if bytes that are no UTF-8 became another character", () => {
    const latin1 = Buffer.from('{"userName":"Müller"}', "latin1");
    assert.deepEqual(read(latin1), { payload: { userName: "M\ufffdller" }, repaired: true });
    assert.deepEqual(read(latin1, { payloadType: "string" }), { payload: '{"userName":"M\ufffdller"}', repaired: true });
    assert.equal(read(Buffer.from('{"userName":"M\ufffdller"}')).repaired, false, "the character itself is UTF-8");
  });
  it("is refused if it is not JSON, with its size and without its text", () => {
    for (const text of ["", "\0", "\ufeff", "not json", '{"a":', '{"secret":1', "}", "x}]"]) {
      assert.throws(() => read(text), (error) => error instanceof SiemError && error.code === "PAYLOAD_NOT_JSON" && error.params["size"] === Buffer.byteLength(text) && !error.message.includes("secret"), JSON.stringify(text));
    }
  });
  it("is refused quickly if it is not JSON, even at a million characters", () => {
    const ms = fastest(() => {
      for (const piece of ["{", "}", "[", " ", "\0", "\ufeff", '{"a":"']) assert.throws(() => read(piece.repeat(1_000_000 / piece.length)), SiemError);
    });
    assert.ok(ms < 400, `${ms} ms`);
  });
  it("is text or bytes as they arrived, on demand", () => {
    assert.deepEqual(read('\ufeff{"a":1}\0', { payloadType: "string" }), { payload: '\ufeff{"a":1}\0', repaired: false });
    assert.deepEqual(read(Buffer.from([0xff, 0]), { payloadType: "buffer" }), { payload: Buffer.from([0xff, 0]), repaired: false });
    const received = Buffer.from([0xff, 0]);
    const { payload } = readPayload(received, { ...json, payloadType: "buffer" });
    received.fill(1);
    assert.deepEqual(payload, Buffer.from([0xff, 0]), "a copy of its own");
  });
  it("has its aggregates as arrays, on demand", () => {
    const otherData = { listOfSourceIp: "10.0.0.1, 10.0.0.2,10.0.0.1", setOfThreatName: " a,b, a,,c ", distinctCountOfThreatName: "3", count: "2", listOfNothing: "", setOfNull: null };
    const event = { event: { otherData } };
    const expanded = (read(JSON.stringify(event), { expandAggregates: true }).payload as typeof event).event.otherData;
    assert.deepEqual(expanded, { ...otherData, listOfSourceIp: ["10.0.0.1", "10.0.0.2", "10.0.0.1"], setOfThreatName: ["a", "b", "c"], listOfNothing: [] });
    assert.deepEqual(read(JSON.stringify(event)).payload, event);
    for (const other of ["null", "[]", "5", '{"event":null}', '{"event":{"otherData":"listOf"}}', '{"event":{"otherData":["listOf"]}}']) assert.deepEqual(read(other, { expandAggregates: true }).payload, JSON.parse(other));
  });
});

describe("threat event: message", () => {
  it("carries event, topic, kind and the way through the fabric", () => {
    const { bytes, decoded } = dxlVector("broker-event-v3-full-threat");
    const { messageId, sourceClientId, sourceBrokerId, brokerIds, clientIds, otherFields, version, sourceTenantGuid, destinationTenantGuids } = decoded;
    assert.deepEqual(toFlowMessage(EPO_THREAT_EVENT_TOPIC, decodeMessage(bytes), json), {
      payload: JSON.parse(decoded.payloadUtf8) as unknown,
      topic: EPO_THREAT_EVENT_TOPIC,
      kind: "epo.threat-event",
      dxl: { messageId, sourceClientId, sourceBrokerId, brokerIds, clientIds, otherFields, version, sourceTenantGuid, destinationTenantGuids },
    });
  });
  it("has the tenants by the names of the vendor's clients", () => {
    const { sourceTenantGuid, destinationTenantGuids } = toFlowMessage("t", decodeMessage(dxlVector("js-event-v2-all").bytes), json).dxl;
    assert.deepEqual([sourceTenantGuid, destinationTenantGuids], ["{aaaaaaaa-0000-4000-8000-000000000001}", ["{aaaaaaaa-0000-4000-8000-000000000002}"]]);
  });
  it("has the payload as it arrived beside the decoded one, on demand and as a copy", () => {
    const bytes = encodeEvent({ messageId: "{m}", payload: Buffer.from('{"a":1}\0') });
    const { payload, dxl } = toFlowMessage("t", decodeMessage(bytes), { ...json, rawPayload: true });
    assert.deepEqual(payload, { a: 1 });
    bytes.fill(0);
    assert.deepEqual(dxl.payload, Buffer.from('{"a":1}\0'));
    assert.equal("payload" in flow({}).dxl, false);
  });
  it("has the kind of a threat event on every topic and with both names of the type, and no kind otherwise", () => {
    for (const payload of [{ eventMessageType: "McAfee Common Event", event: {} }, { eventMsgType: "McAfee Common Event", event: {} }]) {
      assert.equal(flow(payload, "/my/topic").kind, "epo.threat-event");
      assert.equal("kind" in flow(payload, "/my/topic", { payloadType: "string" }), false);
    }
    for (const payload of [{}, [], "5", { event: {} }, { eventMessageType: "x" }, { eventMessageType: "x", event: [] }, { eventMsgType: 1, event: {} }]) assert.equal("kind" in flow(payload), false);
  });
  it("says if the payload was repaired, and nothing if it was not", () => {
    const { bytes } = dxlVector("broker-event-v3-nul");
    assert.equal(toFlowMessage("t", decodeMessage(bytes), json).dxl.repaired, true);
    assert.equal("repaired" in flow({}).dxl, false);
  });
  it("survives clone and JSON", () => {
    const sent = flow({ eventMsgType: "x", event: {} });
    assert.deepEqual(structuredClone(sent), sent);
    assert.deepEqual(JSON.parse(JSON.stringify(sent)), sent);
  });
  it("has the hashes of TIE events in hexadecimal by their names", () => {
    const detection = {
      agentGuid: "{68125cd6-a5d8-11e6-348e-000c29663178}", detectionTime: 1481301796, localReputation: 1, name: "FOCUS_MALWARE2.EXE", remediationAction: 5,
      hashes: [
        { type: "md5", value: "614rncUYF6CG17l+tSQQqw==" },
        { type: "sha1", value: "Q139Rw9ydDfHy08Hy6H5ofQnJlY=" },
        { type: "sha256", value: "QUuxaxDs4tsthEjLnzE/gMt3wxDKDBnuA8c8ugwW/ts=" },
      ],
    };
    assert.deepEqual(flow(detection, "/mcafee/event/tie/file/detection").payload, {
      ...detection,
      hashes: {
        md5: "eb5e2b9dc51817a086d7b97eb52410ab",
        sha1: "435dfd470f727437c7cb4f07cba1f9a1f4272656",
        sha256: "414bb16b10ece2db2d8448cb9f313f80cb77c310ca0c19ee03c73cba0c16fedb",
      },
    });
    assert.deepEqual(flow(detection, "/mcafee/event/atd/file/report").payload, detection);
    for (const hashes of [null, {}, "x", [{}], [null], [{ type: "md5", value: 1 }]]) assert.deepEqual(flow({ hashes }, "/mcafee/event/tie/file/detection").payload, { hashes });
  });
  it("is offered for topics that have distinct names", () => {
    assert.equal(KNOWN_TOPICS[0]?.topic, EPO_THREAT_EVENT_TOPIC);
    assert.equal(new Set(KNOWN_TOPICS.flatMap(({ topic, label }) => [topic, label])).size, KNOWN_TOPICS.length * 2);
  });
});
