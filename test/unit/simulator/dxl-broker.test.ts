import assert from "node:assert/strict";
import { connect as tlsConnect } from "node:tls";
import { X509Certificate } from "node:crypto";
import { connect as connectMqtt, type IClientOptions, type MqttClient } from "mqtt";
import { decodeMessage, encodeEvent, type DxlMessage } from "../../../src/dxl/message";
import { makeAuthority } from "../../../src/simulator/certificates";
import { startDxlBroker, type DxlBroker } from "../../../src/simulator/dxl-broker";
import { indexOfAgent, makeThreatEvent } from "../../../src/simulator/threat-events";
import { until } from "../../support/until";
import vectors from "../../data/dxl-vectors.json";

const TOPIC = "/mcafee/event/epo/threat/response";

describe("embedded DXL broker", () => {
  const authority = makeAuthority("fabric");
  const identity = authority.issue("client");
  const thumbprint = new X509Certificate(identity.cert).fingerprint.replaceAll(":", "").toLowerCase();
  const clients: MqttClient[] = [];
  let broker: DxlBroker;
  beforeEach(async () => {
    broker = await startDxlBroker({ tls: { ...authority.issue("broker"), ca: authority.cert } });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.endAsync(true);
    await broker.close();
  });

  const connectLater = (options: IClientOptions = {}) => {
    const settings: IClientOptions & { checkServerIdentity(): undefined } = {
      host: "127.0.0.1", port: broker.port, protocol: "mqtts", protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 3000,
      ca: authority.cert, ...identity, checkServerIdentity: () => undefined, ...options,
    };
    const client = connectMqtt(settings);
    clients.push(client);
    return client;
  };
  const connect = async (options: IClientOptions = {}) => {
    const client = connectLater(options);
    await new Promise((resolve, reject) => client.on("connect", resolve).on("error", reject));
    return client;
  };
  const subscribe = async (...filters: string[]) => {
    const client = await connect();
    const received: { topic: string; bytes: Buffer }[] = [];
    client.on("message", (topic, bytes) => received.push({ topic, bytes }));
    await client.subscribeAsync(filters);
    return received;
  };
  const bytesOf = (name: string) => Buffer.from(vectors.find((vector) => vector.name === name)!.hex, "hex");
  const published = async (bytes: Buffer): Promise<Buffer> => {
    const received = await subscribe(TOPIC);
    await (await connect()).publishAsync(TOPIC, bytes);
    await until(() => received.length === 1, "the message arrived");
    assert.equal(received[0]?.topic, TOPIC);
    return received[0].bytes;
  };

  it("rewrites messages that it can read: to version 3, with its own sender ids, and texts as MessagePack raw", async () => {
    for (const name of ["js-event-v2-all", "py-event-v2-full", "js-event-v0"]) {
      const bytes = bytesOf(name);
      const before = decodeMessage(bytes);
      const rewritten = await published(bytes);
      assert.equal(rewritten[0], 3);
      const after = decodeMessage(rewritten);
      const { sourceBrokerId } = after;
      assert.match(sourceBrokerId, /^[0-9a-f-]{36}$/);
      const expected: DxlMessage = {
        ...before, version: 3, sourceClientId: thumbprint, sourceBrokerId, clientIds: [], sourceTenantGuid: "",
        sourceClientInstanceId: `${thumbprint}:${sourceBrokerId}`, otherFields: { "dxl.certs": thumbprint, ...before.otherFields },
      };
      assert.deepEqual(after, expected);
      assert.ok(!rewritten.includes(0xd9) || before.payload.includes(0xd9), "a str 8 is in it");
    }
  });

  it("keeps the certificates that a publisher claims", async () => {
    const forged = await published(encodeEvent({ messageId: "{m}", payload: "{}", otherFields: { "dxl.certs": "deadbeef" } }));
    assert.equal(decodeMessage(forged).otherFields["dxl.certs"], "deadbeef");
  });

  it("forwards a binary payload, and bytes that are not a DXL message, unchanged", async () => {
    for (const bytes of [bytesOf("broker-event-passthrough-bin"), Buffer.from("not msgpack"), Buffer.alloc(0)]) {
      assert.deepEqual(await published(bytes), bytes);
    }
  });

  it("publishes a text as the payload of an event, and bytes unchanged", async () => {
    const received = await subscribe("/mcafee/event/#");
    assert.deepEqual(broker.filters, ["/mcafee/event/#"]);
    await broker.publish(TOPIC, JSON.stringify(makeThreatEvent(7)));
    await broker.publish(TOPIC, Buffer.from([1, 2, 3]));
    await until(() => received.length === 2, "both arrived");
    const message = decodeMessage(received[0]!.bytes);
    assert.equal(message.version, 3);
    const { event } = JSON.parse(message.payload.toString()) as { event: { entity: { id: string } } };
    assert.equal(indexOfAgent(event.entity.id), 7);
    assert.deepEqual(received[1]!.bytes, Buffer.from([1, 2, 3]));
  });

  it("refuses clients without a certificate of the fabric, and speaks TLS 1.2 only", async () => {
    const stranger = makeAuthority("other").issue("client");
    await assert.rejects(connect(stranger));
    await assert.rejects(connect({ cert: undefined as never, key: undefined as never }));
    const version = await new Promise((resolve, reject) => {
      const socket = tlsConnect({ host: "127.0.0.1", port: broker.port, ca: authority.cert, ...identity, checkServerIdentity: () => undefined }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      }).on("error", reject);
    });
    assert.equal(version, "TLSv1.2");
    assert.equal(broker.clients, 0);
  });

  it("accepts only MQTT 3.1.1 with clean sessions", async () => {
    for (const options of [{ protocolVersion: 5 }, { clean: false, clientId: "stays" }] satisfies IClientOptions[]) {
      const client = connectLater(options);
      const connected = await new Promise((resolve) => client.on("error", () => undefined).on("connect", () => resolve(true)).on("close", () => resolve(false)));
      assert.equal(connected, false, JSON.stringify(options));
    }
    assert.equal(broker.clients, 0);
  });

  it("counts its clients and forgets their filters when they go", async () => {
    const first = await connect();
    const second = await connect();
    await first.subscribeAsync(["/a", "/b"]);
    await second.subscribeAsync("/a");
    assert.equal(broker.clients, 2);
    assert.deepEqual([...broker.filters].sort(), ["/a", "/a", "/b"]);
    await first.unsubscribeAsync("/b");
    await second.endAsync();
    await until(() => broker.clients === 1 && broker.filters.length === 1, "one client and one filter are left");
    assert.deepEqual(broker.filters, ["/a"]);
  });
});

describe("simulated threat events", () => {
  it("are the same for the same number, differ for others, and contain their number", () => {
    assert.deepEqual(makeThreatEvent(5, 2), makeThreatEvent(5, 2));
    const texts = new Set(Array.from({ length: 500 }, (_, index) => JSON.stringify(makeThreatEvent(index))));
    assert.equal(texts.size, 500);
    for (const index of [0, 1, 255, 256, 70_000, 2 ** 31]) {
      const { entity } = (makeThreatEvent(index, 3) as { event: { entity: { id: string } } }).event;
      assert.match(entity.id, /^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$/);
      assert.equal(indexOfAgent(entity.id, 3), index);
    }
    assert.equal(indexOfAgent("A00728FF-3187-46C1-97D2-8E0F26EA940B"), undefined);
  });
});
