/** Events through a real nats-server: what is stored, confirmed, refused and given back, and what happens when the server or the stream goes. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { mock } from "node:test";
import { deflateSync } from "node:zlib";
import { headers as natsHeaders } from "@nats-io/transport-node";
import { jetstream, type StreamConfig } from "@nats-io/jetstream";
import cefFormat from "../../nodes/cef-format";
import codeQuery from "../../nodes/code42-query";
import codeTenant from "../../nodes/code42-tenant";
import deliveryConfirm from "../../nodes/delivery-confirm";
import streamIn from "../../nodes/event-stream-in";
import streamOut from "../../nodes/event-stream-out";
import natsConnection from "../../nodes/nats-connection";
import syslogOut from "../../nodes/syslog-out";
import { deliveryRegistry } from "../../src/delivery/registry";
import type { FlowMessage } from "../../src/common/messages";
import { metricsOfProcess } from "../../src/metrics/metrics";
import { PackedLines } from "../../src/pages/packed-lines";
import { makeFileEvent } from "../../src/simulator/events";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { freePort } from "../support/free-port";
import { NatsServer, type NatsOptions } from "../support/nats";
import { coreNode, getNode, helper, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";

const STREAM = "SECURITY_EVENTS";
const nodes = [codeTenant, codeQuery, cefFormat, syslogOut, deliveryConfirm, natsConnection, streamOut, streamIn, coreNode("common/24-complete.js"), coreNode("sequence/17-split.js")];

describe("the event stream", () => {
  let server: NatsServer;
  const servers: NatsServer[] = [];
  const started = async (options: NatsOptions = {}) => {
    const made = await NatsServer.start(options);
    servers.push(made);
    return made;
  };

  before(async () => {
    await startServer();
    server = await started();
  });
  after(async () => {
    for (const each of servers) await each.remove();
    await stopServer();
  });
  /** What the flow got last: a node waits for confirmations when it closes. */
  let open: unknown[] = [];
  afterEach(async () => {
    for (const message of open.splice(0)) confirm(message);
    await unloadFlow();
    for (const each of servers.splice(1)) await each.remove();
    await server.ask((jsm) => jsm.streams.delete(STREAM)).catch(() => undefined);
  });

  const connection = (at = server, more: object = {}): FlowNode => ({ id: "nats", type: "nats-connection", servers: at.address, authType: "none", ...more });
  const outNode = (more: object = {}): FlowNode => ({ id: "out", type: "event-stream-out", connection: "nats", channel: "siem", wires: [["stored"], ["aside"]], ...more });
  const inNode = (more: object = {}): FlowNode => ({ id: "in", type: "event-stream-in", connection: "nats", channel: "siem", wires: [["got"]], ...more });
  const helperNode = (id: string, wires: string[][] = []): FlowNode => ({ id, type: "helper", wires });
  const catchNodes: FlowNode[] = [{ id: "catch", type: "catch", scope: null, uncaught: false, wires: [["caught"]] }, helperNode("caught")];

  interface Caught { error: { message: string; code?: string } }
  const codes = (caught: Record<string, unknown>[]) => (caught as unknown as Caught[]).map(({ error }) => error.code ?? error.message);

  /** A flow with the nodes of the stream, and what its helpers see. */
  async function load(flow: FlowNode[], at = server, more: object = {}) {
    const all = [connection(at, more), ...flow, ...catchNodes];
    for (const id of ["stored", "aside", "got"]) if (!all.some((node) => node.id === id)) all.push(helperNode(id));
    await loadFlow(nodes, all);
    const seen = { stored: recordMessages("stored"), aside: recordMessages("aside"), got: recordMessages("got"), caught: recordMessages("caught") };
    open = seen.got;
    return { ...seen, status: getStatus };
  }
  /** The last status of one node: the test helper has one spy for all nodes. */
  const getStatus = (id: string) => {
    const node = getNode(id) as unknown as { status: { thisValues: unknown[]; args: [{ fill: string; text: string }][] } };
    return node.status.args[node.status.thisValues.lastIndexOf(node)]?.[0];
  };

  const figures = (id: string) => metricsOfProcess().all().find((node) => node.id === id) as unknown as Record<string, number> & { dropped: Record<string, number> };

  /** Sends a message into the node; resolves with what it calls `done` with. */
  const input = (message: object, id = "out") => new Promise<(Error & { code?: string }) | undefined>((resolve) => {
    const out = getNode(id) as unknown as { send(m: object): void; _inputCallback(m: object, s: (m: object) => void, d: (error?: Error) => void): void };
    out._inputCallback(message, (output) => out.send(output), resolve);
  });

  /** Sends a message with a delivery, as a query does; tells what becomes of it. */
  function deliver(message: FlowMessage): { confirmed: boolean; held: boolean; rejected: string[]; done: ReturnType<typeof input> } {
    const result = { confirmed: false, held: false, rejected: [] as string[], done: Promise.resolve(undefined) as ReturnType<typeof input> };
    const token = deliveryRegistry().open(1, {
      confirmed: () => { result.confirmed = true; },
      rejected: (_index, reason) => result.rejected.push(reason.message),
      holdChanged: (_index, held) => { result.held = held; },
    });
    result.done = input({ ...message, delivery: { token, index: 0, count: 1 } });
    return result;
  }

  const streamMessages = (at = server) => at.ask(async (jsm) => (await jsm.streams.info(STREAM)).state.messages);
  const pending = async (at = server) => at.ask(async (jsm) => {
    const { num_pending, num_ack_pending } = await jsm.consumers.info(STREAM, "siem");
    return num_pending + num_ack_pending;
  });
  async function eventually(condition: () => Promise<boolean>, what: string, ms = 10_000) {
    for (const end = Date.now() + ms; !await condition().catch(() => false);) {
      if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const confirm = (message: unknown) => deliveryRegistry().confirm(message as FlowMessage);
  const lines = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `CEF:0|line ${from + index}`);

  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  /** Makes the stream as the nodes do, with other settings in part. */
  const makeStream = (more: Partial<StreamConfig> = {}) => server.ask((jsm) => jsm.streams.add({
    name: STREAM, subjects: ["security.events.*"], retention: "workqueue", storage: "file", discard: "new", ...more,
  }));

  describe("from a query to the SIEM", () => {
    let simulator: TenantSimulator;
    let siem: Siem;
    beforeEach(async () => {
      simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
      siem = await startSiem({ onIllegal: (reason) => assert.fail(reason) });
    });
    afterEach(async () => {
      await unloadFlow();
      await siem.close();
      await simulator.close();
    });

    it("carries packed pages without making texts of them, and moves the cursor when the stream has them", async () => {
      const count = 2000;
      simulator.add(Array.from({ length: count }, (_, index) => makeFileEvent(index, { insertedUs: (Date.now() - 3_600_000 + index) * 1000 })));
      const unpacking = mock.method(PackedLines.prototype, "unpackAtOnce");
      try {
        await loadFlow(nodes, [
          connection(),
          { id: "t", type: "code42-tenant", baseUrl: simulator.url, authType: "api-client" },
          { id: "q", type: "code42-query", tenant: "t", pollInterval: "0", pageSize: "1000", cursor: "cursor_stream", cursorType: "global", wires: [["f"]] },
          { id: "f", type: "cef-format", wires: [["out"]] },
          outNode({ wires: [[], []] }),
          inNode({ wires: [["s"]] }),
          { id: "s", type: "syslog-out", host: "127.0.0.1", port: String(siem.port), transport: "tcp", header: "none", confirmDelay: "10", wires: [[], []] },
        ], { credentials: { t: { clientId: simulator.clientId, clientSecret: simulator.clientSecret } } });
        const status = recordStatus("q");
        getNode("q").receive({});
        await until(() => status.at(-1)?.text === "status.idle" || status.at(-1)?.fill === "red", "the poll ends", 20_000);
        assert.equal(status.at(-1)?.text, "status.idle");
        await until(() => siem.ids.size === count, "every line is at the SIEM", 20_000);
        await eventually(async () => await streamMessages() === 0, "the stream is empty");
      } finally {
        unpacking.mock.restore();
      }
      assert.equal(unpacking.mock.callCount(), 0);
      assert.equal(siem.duplicates, 0);
      assert.equal(figures("q")["confirmed"], count);
      assert.deepEqual(pick(figures("out"), ["received", "sent", "duplicates", "waiting", "retries"]), [count, count, 0, 0, 0]);
      assert.deepEqual(pick(figures("in"), ["read", "confirmed", "resent", "pagesOut"]), [count, count, 0, 0]);
    });

    it("makes no searches while the stream is full, and delivers everything when there is room", async () => {
      simulator.add(Array.from({ length: 3000 }, (_, index) => makeFileEvent(index, { insertedUs: (Date.now() - 3_600_000 + index) * 1000 })));
      await makeStream({ max_bytes: 2 ** 20 });
      await server.ask(async (_jsm, raw) => {
        for (let index = 0; index < 10; index++) await jetstream(raw).publish("security.events.other", randomBytes(100_000));
      });
      await loadFlow(nodes, [
        connection(),
        { id: "t", type: "code42-tenant", baseUrl: simulator.url, authType: "api-client" },
        { id: "q", type: "code42-query", tenant: "t", pollInterval: "0", pageSize: "500", pagesOut: "2", confirmTimeout: "0.5", cursor: "cursor_full", cursorType: "global", wires: [["f"]] },
        { id: "f", type: "cef-format", wires: [["out"]] },
        outNode({ wires: [[], []] }),
        inNode({ wires: [["s"]] }),
        { id: "s", type: "syslog-out", host: "127.0.0.1", port: String(siem.port), transport: "tcp", header: "none", confirmDelay: "10", wires: [[], []] },
      ], { credentials: { t: { clientId: simulator.clientId, clientSecret: simulator.clientSecret } } });
      const status = recordStatus("q");
      getNode("q").receive({});
      await until(() => getStatus("out")?.text.endsWith("status.full") === true, "the stream is full", 30_000);
      await sleep(1000);
      const before = simulator.requests.length;
      await sleep(1500);
      assert.equal(simulator.requests.length, before);
      assert.equal(figures("q")["pagesOut"], 2);
      await server.ask((jsm) => jsm.streams.purge(STREAM, { filter: "security.events.other" }));
      await until(() => status.at(-1)?.text === "status.idle" || status.at(-1)?.fill === "red", "the poll ends", 30_000);
      await until(() => siem.ids.size === 3000, "every line is at the SIEM", 20_000);
      assert.equal(siem.duplicates, 0);
    }).timeout(90_000);
  });

  const pick = (from: Record<string, unknown>, names: string[]) => names.map((name) => from[name]);

  /** Publishes a message that a node of ours did not write. */
  const publish = (body: string | Uint8Array, more: Record<string, string> = {}) => server.ask(async (_jsm, raw) => {
    const headers = natsHeaders();
    for (const [name, value] of Object.entries({ "Siem-Format": "1", ...more })) headers.set(name, value);
    await jetstream(raw).publish("security.events.siem", body, { headers });
  });
  const bodyOf = (payload: unknown[], properties: object = {}) => `{"form":"json","list":true,"properties":${JSON.stringify(properties)}}\n${payload.map((value) => JSON.stringify(value)).join("\n")}`;
  const streamOf = (message: unknown) => (message as { stream: { sequence: number; deliveries: number; storedAt: string } }).stream;
  const noise = (bytes: number) => randomBytes(bytes / 2).toString("hex");

  describe("event-stream-out", () => {
    it("holds a page, stores it in chunks, confirms it and passes it on", async () => {
      const { stored, status } = await load([outNode()]);
      const page = lines(600);
      const sent = deliver({ payload: page, topic: "t", kind: "k" });
      assert.equal(sent.held, true);
      assert.equal(await sent.done, undefined);
      assert.equal(sent.confirmed, true);
      assert.equal(await streamMessages(), 3);
      await until(() => stored.length === 1, "the message goes on");
      assert.equal(stored[0]?.["payload"], page);
      await until(() => status("out")?.text === "status.stored", "the status tells it");
      assert.equal(status("out")?.fill, "green");
    });

    it("cuts chunks at the limit of bytes too, and never above what the server takes", async () => {
      const small = await started({ settings: "max_payload: 20000" });
      await load([outNode({ bytesPerMessage: "4194304" })], small);
      const page = Array.from({ length: 20 }, () => noise(8000));
      const sent = deliver({ payload: page });
      assert.equal(await sent.done, undefined);
      assert.equal(await streamMessages(small), 10);
    });

    it("counts a message without items as stored at once, also while NATS is away", async () => {
      await load([outNode()], { address: "127.0.0.1:1" } as NatsServer);
      const sent = deliver({ payload: [] });
      assert.equal(await sent.done, undefined);
      assert.equal(sent.confirmed, true);
    });

    it("counts what the stream knows already as stored, and as a duplicate", async () => {
      await load([outNode()]);
      for (let times = 0; times < 2; times++) {
        const sent = deliver({ payload: lines(300) });
        await sent.done;
        assert.equal(sent.confirmed, true);
      }
      assert.equal(await streamMessages(), 2);
      assert.deepEqual(pick(figures("out"), ["sent", "duplicates"]), [600, 300]);
    });

    it("keeps channels apart that get the same events", async () => {
      await load([outNode(), outNode({ id: "archive", channel: "archive" })]);
      await Promise.all(["out", "archive"].map((id) => input({ payload: "same", dxl: { messageId: "{2c6a2b4d-1f0e-4b5a-9c3d-000000000001}" } }, id)));
      await Promise.all(["out", "archive"].map((id) => input({ payload: ["same"] }, id)));
      assert.equal(await streamMessages(), 4);
    });

    it("stores one copy of a DXL event that two instances receive", async () => {
      await load([outNode(), outNode({ id: "second", wires: [[], []] })]);
      const event = (index: number) => ({ payload: `CEF:0|${index}`, dxl: { messageId: `{2c6a2b4d-1f0e-4b5a-9c3d-${String(index).padStart(12, "0")}}` } });
      const all = Array.from({ length: 200 }, (_, index) => index);
      await Promise.all(all.flatMap((index) => [input(event(index), "out"), input(event(index), "second")]));
      assert.equal(await streamMessages(), 200);
      assert.equal(figures("out")["duplicates"]! + figures("second")["duplicates"]!, 200);
    });

    it("stores what a flow puts into another channel and back, or straight back", async () => {
      const { got } = await load([
        outNode(), inNode(), outNode({ id: "out2", channel: "retry", wires: [[], []] }), inNode({ id: "in2", channel: "retry", wires: [["got2"]] }), helperNode("got2"),
      ]);
      const got2 = recordMessages("got2");
      const dxl = { messageId: "{0f5f1c1e-0000-4000-8000-00000000000a}" };
      for (const message of [{ payload: lines(3), topic: "t", kind: "k" }, { payload: "one", topic: "d", kind: "k", dxl }]) {
        got.length = got2.length = 0;
        const copy = async (index: number) => {
          await until(() => got.length > index, `copy ${index}`);
          return got[index] as object;
        };
        await input(message);
        await input(await copy(0), "out2");
        await until(() => got2.length === 1, "the other channel");
        await input(got2[0]!);
        await input(await copy(1));
        confirm(await copy(2));
        await eventually(async () => await streamMessages() === 0, "each copy is acknowledged");
        assert.deepEqual(got.map(({ payload }) => payload), Array(3).fill(message.payload));
      }
      assert.equal(figures("out")["duplicates"], 0);
    });

    it("stores every part of a DXL event that split cut up", async () => {
      await load([{ id: "split", type: "split", splt: "\\n", spltType: "str", arraySplt: 1, arraySpltType: "len", stream: false, addname: "", property: "payload", wires: [["out"]] }, outNode()]);
      getNode("split").receive({ payload: ["a", "a", "b"], dxl: { messageId: "{2c6a2b4d-1f0e-4b5a-9c3d-000000000001}" } });
      await eventually(async () => await streamMessages() === 3, "three parts are stored");
    });

    it("waits for NATS that is away at the start, tells it once, and stores what waited", async () => {
      const port = await freePort();
      const { caught, status } = await load([outNode()], { address: `127.0.0.1:${port}` } as NatsServer);
      const sent = deliver({ payload: lines(10) });
      await until(() => status("out")?.text.endsWith("status.away") === true, "the status tells it");
      await sleep(1500);
      assert.deepEqual(codes(caught), ["NATS_UNREACHABLE"]);
      assert.deepEqual([sent.confirmed, sent.held, figures("out")["connected"]], [false, true, 0]);
      const late = await started({ port });
      assert.equal(await sent.done, undefined);
      assert.equal(await streamMessages(late), 1);
    });

    it("shows that NATS is away before the first message comes", async () => {
      const { status } = await load([outNode()], { address: `127.0.0.1:${await freePort()}` } as NatsServer);
      await until(() => status("out")?.fill === "yellow", `yellow: ${JSON.stringify(status("out"))}`);
      assert.match(status("out")?.text ?? "", /away/);
    });

    it("loses nothing while the server is killed again and again", async () => {
      const own = await started();
      await load([outNode({ eventsPerMessage: "5" })], own);
      const pages: ReturnType<typeof deliver>[] = [];
      for (let round = 0; round < 3; round++) {
        for (let page = 0; page < 15; page++) pages.push(deliver({ payload: lines(200, pages.length * 200) }));
        await until(() => figures("out")["sent"]! > round * 3000 + 500, "some are stored");
        await own.kill();
        await own.start();
      }
      await Promise.all(pages.map(({ done }) => done));
      assert.ok(pages.every(({ confirmed }) => confirmed));
      const found = new Set(await own.ask(async (jsm) => {
        const { state } = await jsm.streams.info(STREAM);
        const texts: string[] = [];
        for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
          const message = await jsm.streams.getMessage(STREAM, { seq });
          texts.push(...message?.string().split("\n").slice(1) ?? []);
        }
        return texts;
      }));
      assert.equal(found.size, 9000);
      assert.ok(figures("out")["retries"]! > 0);
    });

    it("waits while the server is frozen", async () => {
      const own = await started();
      await load([outNode()], own);
      await deliver({ payload: ["before"] }).done;
      await own.kill("SIGSTOP");
      await sleep(200);
      const sent = deliver({ payload: lines(1000) });
      await sleep(1000);
      assert.equal(sent.confirmed, false);
      await own.kill("SIGCONT");
      assert.equal(await sent.done, undefined);
      assert.equal(await streamMessages(own), 5);
    });

    it("tells once that the stream is full, waits with the query, and goes on when there is room", async () => {
      const { caught, status } = await load([outNode()], server, { streamBytes: String(2 ** 20) });
      const sent = Array.from({ length: 16 }, () => deliver({ payload: [noise(200_000)] }));
      await until(() => status("out")?.text.endsWith("status.full") === true, "the status tells it");
      assert.equal(status("out")?.fill, "yellow");
      await sleep(1200);
      const open = sent.filter(({ confirmed }) => !confirmed);
      assert.ok(open.length > 0 && open.every(({ held, rejected }) => held && rejected.length === 0));
      assert.deepEqual(codes(caught), ["STREAM_FULL"]);
      for (let purged = 0; sent.some(({ confirmed }) => !confirmed) && purged < 50; purged++) {
        await server.ask((jsm) => jsm.streams.purge(STREAM));
        await sleep(200);
      }
      assert.ok(sent.every(({ confirmed }) => confirmed));
      assert.deepEqual(codes(caught), ["STREAM_FULL"]);
    });

    it("is red about a stream that would lose events, names the setting, and goes on when it is right", async () => {
      await makeStream({ discard: "old" as StreamConfig["discard"] });
      const { caught, status } = await load([outNode()]);
      const sent = deliver({ payload: "x" });
      await until(() => status("out")?.text.endsWith("status.STREAM_UNSUITABLE") === true, "the status tells it");
      assert.equal(status("out")?.fill, "red");
      assert.match((caught[0] as unknown as Caught).error.message, /discard = old/);
      await server.ask((jsm) => jsm.streams.update(STREAM, { discard: "new" }));
      await until(() => sent.confirmed, "the event is stored", 15_000);
    });

    it("says which stream is missing if it may not make it, or if the stream has no such subject", async () => {
      const { caught } = await load([outNode()], server, { create: false });
      void deliver({ payload: "x" });
      await until(() => caught.length === 1, "it is told");
      assert.deepEqual(codes(caught), ["STREAM_MISSING"]);
      await unloadFlow();
      await makeStream({ subjects: ["other"] });
      const other = await load([outNode()]);
      void deliver({ payload: "x" });
      await until(() => other.caught.length === 1, "it is told");
      assert.match((other.caught[0] as unknown as Caught).error.message, /subjects/);
      assert.deepEqual(codes(other.caught), ["STREAM_UNSUITABLE"]);
    });

    it("makes the stream again that was deleted under the running flow", async () => {
      await load([outNode()]);
      await deliver({ payload: ["before"] }).done;
      await server.ask((jsm) => jsm.streams.delete(STREAM));
      const sent = deliver({ payload: ["after"] });
      assert.equal(await sent.done, undefined);
      assert.equal(await streamMessages(), 1);
    });

    it("stores nothing in another stream that got the subject", async () => {
      const { caught } = await load([outNode()]);
      await deliver({ payload: ["before"] }).done;
      await server.ask(async (jsm) => {
        await jsm.streams.delete(STREAM);
        await jsm.streams.add({ name: "OTHER", subjects: ["security.events.*"] });
      });
      const sent = deliver({ payload: ["after"] });
      await until(() => codes(caught).includes("STREAM_REFUSED"), "it is told");
      assert.deepEqual(codes(caught), ["STREAM_MISSING", "STREAM_REFUSED"]);
      assert.equal(sent.confirmed, false);
      assert.equal(await server.ask(async (jsm) => (await jsm.streams.info("OTHER")).state.messages), 0);
      await server.ask((jsm) => jsm.streams.delete("OTHER"));
      await until(() => sent.confirmed, "it is stored", 15_000);
    });

    it("sets aside what the stream cannot hold, with the reason, and stores the rest", async () => {
      const small = await started({ settings: "max_payload: 100000" });
      const { aside, stored } = await load([outNode()], small);
      const sent = deliver({ payload: ["a", noise(300_000), "b", { n: 1n }, "c"], topic: "t", kind: "k" });
      assert.equal(await sent.done, undefined);
      assert.equal(sent.confirmed, true);
      await until(() => aside.length === 2 && stored.length === 1, "both outputs");
      assert.deepEqual((aside as unknown as Caught[]).map(({ error }) => error.code).sort(), ["STREAM_MESSAGE_TOO_LARGE", "STREAM_PAYLOAD"]);
      assert.ok(aside.every((message) => message["delivery"] === undefined && message["topic"] === "t" && message["kind"] === "k"));
      assert.deepEqual(figures("out").dropped, { queue_full_refused: 0, queue_full_dropped: 0, too_large: 1, unusable: 1 });
    });

    it("sets aside a payload that refers to itself, stores the rest, and takes no time for such a property", async () => {
      const { aside } = await load([outNode()]);
      const circle: Record<string, unknown> = { id: 1 };
      circle["self"] = circle;
      const started = performance.now();
      for (let index = 0; index < 10; index++) assert.equal(await input({ payload: `a ${index}`, owner: circle }), undefined);
      assert.ok(performance.now() - started < 500, `${performance.now() - started} ms`);
      const sent = deliver({ payload: [circle, { id: 2 }] });
      assert.equal(await sent.done, undefined);
      assert.equal(sent.confirmed, true);
      await until(() => aside.length === 1, "the second output");
      assert.deepEqual(codes(aside), ["STREAM_PAYLOAD"]);
      assert.equal(await input({ payload: circle }), undefined);
      assert.equal(await streamMessages(), 11);
    });

    it("sets aside what is above the limit of the stream itself", async () => {
      await makeStream({ max_msg_size: 5000 });
      const { aside } = await load([outNode()]);
      const sent = deliver({ payload: ["a", noise(8000), ...lines(3), noise(3000), noise(3000)] });
      assert.equal(await sent.done, undefined);
      await until(() => aside.length === 1, "one line comes out");
      assert.equal(figures("out")["sent"], 6);
    });

    it("sets aside what is larger than the whole stream, stores the rest, and sees that the stream was enlarged", async () => {
      await makeStream({ max_bytes: 8000 });
      const { aside, caught } = await load([outNode()]);
      const sent = deliver({ payload: ["a", noise(9000), noise(7900), "b"] });
      await until(() => sent.confirmed, "the rest is stored");
      await until(() => aside.length === 2, "two lines come out");
      assert.deepEqual((aside as unknown as Caught[]).map(({ error }) => error.code), ["STREAM_MESSAGE_TOO_LARGE", "STREAM_MESSAGE_TOO_LARGE"]);
      await server.ask((jsm) => jsm.streams.update(STREAM, { max_bytes: 2 ** 20 }));
      assert.equal(await deliver({ payload: noise(9000) }).done, undefined);
      assert.equal(figures("out")["sent"], 3);
      assert.deepEqual(codes(caught), []);
    });

    it("cuts chunks that fit into the whole stream", async () => {
      await makeStream({ max_bytes: 8000 });
      const { got } = await load([outNode(), inNode()]);
      const confirming = setInterval(() => got.forEach(confirm), 20);
      const sent = deliver({ payload: [noise(3000), noise(3000), noise(3000)] });
      await until(() => sent.confirmed, "all is stored").finally(() => clearInterval(confirming));
      assert.equal(figures("out")["sent"], 3);
    });

    for (const [overflow, codeOfNew, codesOfOld] of [["refuse", "QUEUE_FULL", []], ["drop-newest", "QUEUE_DROPPED", []], ["drop-oldest", undefined, ["QUEUE_DROPPED", "QUEUE_DROPPED"]]] as const) {
      it(`does as set when the bytes of the queue are used up (${overflow})`, async () => {
        await load([outNode({ queueBytes: "100000", overflow })], { address: "127.0.0.1:1" } as NatsServer);
        const outcomes: unknown[] = [];
        const send = (index: number) => deliver({ payload: `${index} ${"x".repeat(30_000)}` }).done.then((error) => outcomes.push(error?.code));
        for (let index = 0; index < 3; index++) void send(index);
        void send(3);
        void send(4);
        await sleep(50);
        assert.deepEqual(outcomes, codeOfNew === undefined ? codesOfOld : [codeOfNew, codeOfNew]);
        assert.equal(figures("out").dropped[overflow === "refuse" ? "queue_full_refused" : "queue_full_dropped"], 2);
        await unloadFlow();
        await sleep(50);
        assert.deepEqual(outcomes.slice(-3), ["CLOSED", "CLOSED", "CLOSED"]);
      });
    }

    it("counts no further than the bytes of its queue", async () => {
      await load([outNode()], { address: "127.0.0.1:1" } as NatsServer);
      const payload = { list: new Array(30_000_000) };
      const started = performance.now();
      void input({ payload });
      assert.ok(performance.now() - started < 200, `${performance.now() - started} ms`);
    });

    it("counts rows that are objects of a class against the bytes of its queue", async () => {
      await load([outNode({ queueBytes: "100000" })], { address: "127.0.0.1:1" } as NatsServer);
      class Row {
        readonly data = "x".repeat(30_000);
      }
      for (let index = 0; index < 5; index++) void input({ payload: { row: new Row() } });
      await until(() => figures("out")["received"] === 5, "all came");
      assert.equal(figures("out").dropped["queue_full_refused"], 2);
    });

    it("keeps a flood of events that nobody confirms within its queue while NATS is away", async () => {
      await load([outNode({ queueEvents: "1000", overflow: "drop-oldest" })], { address: "127.0.0.1:1" } as NatsServer);
      for (let index = 0; index < 20_000; index++) void input({ payload: `CEF:0|${index}` });
      await until(() => figures("out")["received"] === 20_000, "all came", 20_000);
      assert.equal(figures("out")["waiting"], 1000);
      assert.equal(figures("out").dropped["queue_full_dropped"], 19_000);
    });

    it("stores what it has when it closes", async () => {
      await load([outNode({ eventsPerMessage: "1" })]);
      await deliver({ payload: ["connected"] }).done;
      const sent = deliver({ payload: lines(500) });
      await unloadFlow();
      assert.equal(sent.confirmed, true);
      assert.equal(await streamMessages(), 501);
    });

    it("refuses wrong settings, a missing and a disabled connection", async () => {
      for (const [more, code] of [
        [{ channel: "a.b" }, "CHANNEL_INVALID"], [{ channel: "Siem" }, "CHANNEL_INVALID"], [{ channel: "*" }, "CHANNEL_INVALID"], [{ channel: "${UNSET_CHANNEL}" }, "ENVIRONMENT_UNSET"],
        [{ eventsPerMessage: "0" }, "PROPERTY_NUMBER"], [{ bytesPerMessage: "9999999" }, "PROPERTY_NUMBER"], [{ window: "x" }, "PROPERTY_NUMBER"], [{ overflow: "maybe" }, "PROPERTY_CHOICE"],
        [{ connection: "none" }, "CONNECTION_MISSING"], [{ connection: "" }, "CONNECTION_MISSING"],
      ] as const) {
        const { caught, status } = await load([outNode(more)]);
        assert.equal((await input({ payload: "x" }))?.code, code, JSON.stringify(more));
        assert.equal(await input({ action: "stats" }), undefined);
        assert.equal(status("out")?.text, "common.status.badConfig");
        await until(() => codes(caught).includes(code), "it is told");
        await unloadFlow();
      }
    });

    it("tells once which properties do not travel", async () => {
      await load([outNode()]);
      const warnings: unknown[] = [];
      getNode("out").on("call:warn" as never, ((call: { args: unknown[] }) => warnings.push(call.args[0])) as never);
      for (let index = 0; index < 3; index++) await input({ payload: `x${index}`, socket: new Map(), req: { socket: new Map() } });
      assert.deepEqual(warnings, ["warning.leftOut"]);
    });
  });

  describe("event-stream-in", () => {
    it("gives messages to the flow with their properties, and acknowledges what is confirmed", async () => {
      const { got, status } = await load([outNode(), inNode()]);
      const events = [{ id: 1, list: [1, null], "__proto__x": "ü" }, { id: 2 }];
      await input({ payload: events, topic: "t", kind: "code42.alert", own: { a: 1 }, parts: { id: "x", index: 0 }, _msgid: "mine", delivery: undefined });
      await until(() => got.length === 1, "it arrives");
      const [message] = got as [FlowMessage];
      assert.deepEqual(message.payload, events);
      assert.deepEqual(pick(message, ["topic", "kind", "own", "parts"]), ["t", "code42.alert", { a: 1 }, undefined]);
      assert.notEqual(message["_msgid"], "mine");
      const { sequence, deliveries, storedAt } = streamOf(message);
      assert.deepEqual([sequence, deliveries], [1, 1]);
      assert.ok(Math.abs(Date.parse(storedAt) - Date.now()) < 60_000);
      assert.equal(await pending(), 1);
      confirm(message);
      await eventually(async () => await streamMessages() === 0, "it is acknowledged");
      assert.deepEqual(pick(figures("in"), ["read", "confirmed"]), [2, 2]);
      await until(() => status("in")?.text === "status.confirmed", "the status tells it");
    });

    it("has at most eventsOut events in flight, but a larger message goes alone", async () => {
      const { got } = await load([outNode({ eventsPerMessage: "100" }), inNode({ eventsOut: "250" })]);
      await input({ payload: lines(1000) });
      await until(() => got.length === 2, "two messages are out");
      await sleep(500);
      assert.equal(got.length, 2);
      for (let index = 0; index < 10; index++) {
        await until(() => got.length > index, "the next one comes");
        assert.ok(got.length - index <= 2);
        confirm(got[index]);
      }
      await unloadFlow();
      const more = await load([outNode(), inNode({ eventsOut: "10" })]);
      await input({ payload: lines(500, 2000) });
      await until(() => more.got.length === 1, "one is out");
      await sleep(300);
      assert.equal(more.got.length, 1);
      confirm(more.got[0]);
      await until(() => more.got.length === 2, "the next one comes");
    });

    it("sends messages in the order of the stream, whatever it takes to read each", async () => {
      await makeStream();
      for (let index = 0; index < 12; index++) await publish(bodyOf(lines(index % 2 === 0 ? 9000 : 1)));
      const { got } = await load([inNode({ eventsOut: "100000" })]);
      await until(() => got.length === 12, "all arrive");
      assert.deepEqual(got.map((message) => streamOf(message).sequence), Array.from({ length: 12 }, (_none, index) => index + 1));
    });

    it("keeps what is out and what waits in its hand from coming again", async () => {
      await makeStream();
      await server.ask((jsm) => jsm.consumers.add(STREAM, { durable_name: "siem", filter_subject: "security.events.siem", ack_policy: "explicit", ack_wait: 1e9, max_deliver: -1 }));
      const { got } = await load([outNode({ eventsPerMessage: "100" }), inNode({ eventsOut: "250" })]);
      for (let index = 0; index < 40; index++) await input({ payload: `single ${index}` });
      await until(() => got.length === 40, "singles come");
      await input({ payload: lines(3000) });
      await until(() => got.length === 42, "pages come");
      await sleep(3500);
      assert.equal(got.length, 42);
      assert.equal(await server.ask(async (jsm) => (await jsm.consumers.info(STREAM, "siem")).num_redelivered), 0);
    });

    it("gives a rejected message back with growing pauses, and lets the others pass", async () => {
      const { got } = await load([outNode({ eventsPerMessage: "1" }), inNode()]);
      await input({ payload: ["poison", ...lines(20)] });
      const at: number[] = [];
      const seen = new Set<unknown>();
      for (let index = 0; at.length < 3; index++) {
        await until(() => got.length > index, "the next one comes", 10_000);
        const message = got[index] as FlowMessage;
        if ((message.payload as unknown[])[0] !== "poison") {
          seen.add((message.payload as unknown[])[0]);
          confirm(message);
          continue;
        }
        at.push(Date.now());
        assert.equal(streamOf(message).deliveries, at.length);
        deliveryRegistry().reject(message, new Error("the sink does not like it"));
      }
      assert.equal(seen.size, 20);
      const [first = 0, second = 0, third = 0] = at;
      assert.ok(second - first >= 950 && second - first < 3000, `first pause ${second - first}`);
      assert.ok(third - second >= 3950 && third - second < 7000, `second pause ${third - second}`);
      assert.deepEqual(pick(figures("in"), ["rejected", "resent", "pagesOut"]), [3, 2, 0]);
    });

    it("gives back what nobody confirms, and counts a late confirmation", async () => {
      const { got } = await load([outNode(), inNode({ confirmTimeout: "0.3" })]);
      await input({ payload: "a" });
      await until(() => got.length === 2, "it comes again");
      await until(() => figures("in")["pagesOut"] === 0, "it is given back again");
      confirm(got[0]);
      await eventually(async () => await streamMessages() === 0, "it is acknowledged");
      assert.equal(figures("in")["confirmed"], 1);
    });

    it("does not give back what a sink holds", async () => {
      const { got } = await load([outNode(), inNode({ confirmTimeout: "0.2" })]);
      await input({ payload: "a" });
      await until(() => got.length === 1, "it comes");
      const release = deliveryRegistry().hold(got[0] as FlowMessage);
      await sleep(1000);
      assert.deepEqual([got.length, figures("in")["pagesHeld"]], [1, 1]);
      release();
      await until(() => got.length === 2, "it comes again when nobody holds it");
    });

    it("does not give back what a sink holds since an earlier delivery", async () => {
      const { got } = await load([outNode(), inNode({ confirmTimeout: "0.2" })]);
      await input({ payload: "a" });
      await until(() => got.length === 1, "it comes");
      deliveryRegistry().hold(got[0] as FlowMessage);
      deliveryRegistry().reject(got[0] as FlowMessage, new Error("another sink does not take it"));
      await until(() => got.length === 2, "it comes again");
      await sleep(1000);
      assert.deepEqual(pick(figures("in"), ["pagesOut", "pagesHeld"]), [1, 1]);
    });

    it("waits less after a deploy, which may have dropped what was on its way", async () => {
      const { got } = await load([outNode(), inNode()]);
      await input({ payload: "a" });
      await until(() => got.length === 1, "it comes");
      (helper as unknown as { _events: { emit(event: string): void } })._events.emit("flows:started");
      await until(() => got.length === 2, "it comes again", 14_000);
    }).timeout(20_000);

    it("gives back what is not confirmed when it closes, so that another instance gets it at once", async () => {
      const first = await load([outNode(), inNode()]);
      await input({ payload: lines(500) });
      await until(() => first.got.length === 2, "both come");
      await unloadFlow();
      const closed = Date.now();
      const second = await load([inNode()]);
      await until(() => second.got.length === 2, "both come again");
      assert.ok(Date.now() - closed < 3000);
      assert.ok(second.got.every((message) => streamOf(message).deliveries === 2));
    });

    it("waits for the parts of a page that split cut up", async () => {
      const { got } = await load([outNode(), inNode({ wires: [["split"]] }), { id: "split", type: "split", splt: "\\n", spltType: "str", arraySplt: 1, arraySpltType: "len", stream: false, addname: "", property: "payload", wires: [["got"]] }]);
      await input({ payload: lines(3) });
      await until(() => got.length === 3, "the parts come");
      confirm(got[0]);
      confirm(got[2]);
      await sleep(100);
      assert.equal(await pending(), 1);
      confirm(got[1]);
      await eventually(async () => await streamMessages() === 0, "it is acknowledged");
    });

    it("waits for every sink that it names, and refuses one that is missing", async () => {
      const sinks: FlowNode[] = [{ id: "one", type: "delivery-confirm", mode: "confirm", wires: [[]] }, { id: "two", type: "delivery-confirm", mode: "confirm", wires: [[]] }];
      const { got } = await load([outNode(), inNode({ confirmedBy: ["one", "two"] }), ...sinks]);
      await input({ payload: "a" });
      await until(() => got.length === 1, "it comes");
      getNode("one").receive(got[0]);
      await sleep(200);
      assert.equal(await pending(), 1);
      getNode("two").receive(got[0]);
      await eventually(async () => await streamMessages() === 0, "it is acknowledged");
      await unloadFlow();
      const { caught, status } = await load([inNode({ confirmedBy: ["one", "gone"] }), ...sinks]);
      await until(() => codes(caught).includes("SINK_MISSING"), "it is told");
      await until(() => status("in")?.text.endsWith("status.SINK_MISSING") === true, "the status tells it");
    });

    it("leaves messages of a newer format and unreadable ones in the stream, tells each once, and reads the others", async () => {
      const { got, caught, status } = await load([outNode(), inNode()]);
      await input({ payload: "before" });
      await publish("{}", { "Siem-Format": "2" });
      await publish("{}", { "Siem-Format": "2" });
      await publish("no json\nx");
      await publish(deflateSync(Buffer.alloc(50 * 2 ** 20)), { "Siem-Encoding": "deflate" });
      await publish(bodyOf([{ n: 1 }]), { "Siem-Count": "1000000000", "X-Other": "\u001b[31m\u0007" });
      await until(() => got.length === 2, "the readable ones come");
      await until(() => caught.length === 2, "the others are told");
      assert.deepEqual(codes(caught).sort(), ["STREAM_FORMAT", "STREAM_UNREADABLE"]);
      for (const message of got) confirm(message);
      await eventually(async () => await streamMessages() === 4, "four stay");
      await sleep(300);
      assert.deepEqual(pick(figures("in"), ["read", "failed"]), [2, 4]);
      await until(() => status("in")?.text === "status.unreadable", "the status tells it");
      assert.equal(status("in")?.fill, "yellow");
    });

    it("goes on after deliveries whose sequence, count or time is none", async () => {
      const wrong = ["1.7.7.99999999999999999999999.", "1.7.7.x.", "1.99999999999999999999.7.1.", "x.7.7.1."];
      const forge = (bytes: Buffer) => bytes.toString("latin1").replace(/(?<=\$JS\.ACK\.SECURITY_EVENTS\.siem\.)(?:\d+\.){4}/g, (sound) => wrong.shift() ?? sound);
      const proxy = createServer((client) => {
        const upstream = connect(server.port, "127.0.0.1");
        client.pipe(upstream).on("data", (bytes: Buffer) => client.write(forge(bytes), "latin1"));
        for (const [socket, other] of [[client, upstream], [upstream, client]] as const) socket.on("error", () => undefined).on("close", () => other.destroy());
      }).listen(0, "127.0.0.1");
      await once(proxy, "listening");
      try {
        const { got, caught } = await load([outNode(), inNode()], server, { servers: `127.0.0.1:${(proxy.address() as AddressInfo).port}` });
        for (let index = 0; index < 5; index++) await input({ payload: lines(1, index) });
        await until(() => got.length === 1, "the sound one passes");
        assert.equal(figures("in")["failed"], 4);
        assert.deepEqual(codes(caught), ["STREAM_UNREADABLE"]);
        await until(() => got.length === 5, "the others come again", 20_000);
      } finally {
        proxy.close();
      }
    }).timeout(40_000);

    it("gives a message back that it cannot send, tells it, and lets the others pass", async () => {
      const { got, caught } = await load([outNode(), inNode()]);
      const opening = mock.method(deliveryRegistry(), "open");
      opening.mock.mockImplementationOnce(() => { throw new Error("broken"); });
      try {
        for (let index = 0; index < 3; index++) await input({ payload: lines(1, index) });
        await until(() => got.length === 2, "the others pass");
        assert.deepEqual(codes(caught), ["STREAM_UNREADABLE"]);
        await until(() => got.length === 3, "it comes again", 15_000);
      } finally {
        opening.mock.restore();
      }
    }).timeout(30_000);

    it("lets no message of the stream settle a delivery of this process, or bring a request", async () => {
      const { got } = await load([outNode(), inNode()]);
      let settled = false;
      const token = deliveryRegistry().open(1, { confirmed: () => { settled = true; }, rejected: () => { settled = true; }, holdChanged: () => { settled = true; } });
      const delivery = { token, index: 0, count: 1 };
      await input({ payload: "first" });
      await publish(bodyOf(["x"], { delivery, req: { a: 1 }, res: { b: 1 }, _msgid: "forged", stream: { sequence: 99 }, action: "stats", parts: { id: token, index: 0 } }));
      await publish(`{"form":"json","list":true,"delivery":${JSON.stringify(delivery)},"properties":{"__proto__":{"delivery":${JSON.stringify(delivery)}}}}\n1`);
      await until(() => got.length === 3, "both come");
      for (const message of got) {
        assert.deepEqual(pick(message, ["req", "res", "parts"]), [undefined, undefined, undefined]);
        assert.notEqual((message as { delivery: { token: string } }).delivery.token, token);
        assert.notEqual(streamOf(message).sequence, 99);
        confirm(message);
      }
      await eventually(async () => await streamMessages() === 0, "all are acknowledged");
      assert.equal(settled, false);
    });

    it("gets past messages of 8 MiB that cannot be read, and keeps larger ones out of the stream", async () => {
      const large = await started({ settings: "max_payload: 33554432" });
      const { got, caught } = await load([outNode({ wires: [[], []] }), inNode()], large);
      await input({ payload: "first" });
      await large.ask(async (_jsm, raw) => {
        const headers = natsHeaders();
        headers.set("Siem-Format", "1");
        const write = (bytes: number) => jetstream(raw).publish("security.events.siem", Buffer.alloc(bytes, "\n"), { headers, timeout: 10_000 });
        for (let index = 0; index < 5; index++) await write(8 * 2 ** 20 - 100);
        await assert.rejects(write(30 * 2 ** 20), /message size exceeds/);
      });
      await input({ payload: "last" });
      await until(() => got.length === 2, "the others come", 20_000);
      await until(() => caught.length === 1, "it is told");
      assert.deepEqual(codes(caught), ["STREAM_UNREADABLE"]);
    });

    it("refuses a consumer that would lose events or their bodies, and names the setting", async () => {
      for (const [more, setting] of [[{ max_deliver: 3 }, "max_deliver"], [{ headers_only: true }, "headers_only"]] as const) {
        await makeStream();
        await server.ask((jsm) => jsm.consumers.add(STREAM, { durable_name: "siem", filter_subject: "security.events.siem", ack_policy: "explicit", ...more }));
        const { caught } = await load([inNode()]);
        await until(() => caught.length === 1, "it is told");
        assert.deepEqual(codes(caught), ["STREAM_UNSUITABLE"]);
        assert.match((caught[0] as unknown as Caught).error.message, new RegExp(setting));
        await unloadFlow();
        await server.ask((jsm) => jsm.streams.delete(STREAM));
      }
      await makeStream();
      await server.ask((jsm) => jsm.consumers.add(STREAM, { durable_name: "another", filter_subject: "security.events.siem", ack_policy: "explicit" }));
      const { caught } = await load([inNode()]);
      await until(() => caught.length === 1, "it is told");
      assert.deepEqual(codes(caught), ["CONSUMER_REFUSED"]);
      await unloadFlow();
      await server.ask((jsm) => jsm.consumers.delete(STREAM, "another"));
      const other = await load([inNode()], server, { create: false });
      await until(() => other.caught.length === 1, "it is told");
      assert.deepEqual(codes(other.caught), ["CONSUMER_MISSING"]);
    });

    it("goes on when consumer or stream are deleted under it, and never acknowledges a message of the new stream by mistake", async () => {
      const { got, caught } = await load([outNode({ eventsPerMessage: "1" }), inNode({ eventsOut: "2" })]);
      await input({ payload: lines(2) });
      await until(() => got.length === 2, "the first come");
      await server.ask((jsm) => jsm.consumers.delete(STREAM, "siem"));
      await until(() => got.length === 4, "they come again", 10_000);
      assert.ok(codes(caught).includes("CONSUMER_GONE"));
      await server.ask((jsm) => jsm.streams.delete(STREAM));
      await until(() => figures("in")["pagesOut"] === 0, "they are forgotten", 15_000);
      await input({ payload: lines(2, 10) });
      await until(() => got.length === 6, "those of the new stream come", 10_000);
      // The sequences are the same.
      for (const message of got.slice(0, 4)) confirm(message);
      await sleep(200);
      assert.equal(await pending(), 2);
      for (const message of got.slice(4)) confirm(message);
      await eventually(async () => await streamMessages() === 0, "all are acknowledged");
    });

    it("acknowledges after an outage what was confirmed meanwhile, and repeats nothing", async () => {
      const own = await started();
      const { got } = await load([outNode(), inNode()], own);
      await input({ payload: lines(1000) });
      await until(() => got.length === 4, "all come");
      await own.kill();
      await until(() => figures("in")["connected"] === 0, "the loss is noticed");
      for (const message of got.slice(0, 3)) confirm(message);
      await own.start();
      await eventually(async () => await streamMessages(own) === 1, "three are acknowledged", 5000);
      confirm(got[3]);
      await eventually(async () => await streamMessages(own) === 0, "all are acknowledged");
      assert.deepEqual([got.length, figures("in")["resent"]], [4, 0]);
    });

    it("tells how much waits in the stream", async () => {
      const { got } = await load([outNode({ eventsPerMessage: "1" }), inNode({ eventsOut: "1" })]);
      await input({ payload: lines(7) });
      await until(() => figures("in")["streamPending"] === 7, "the figure is there", 9000);
      assert.equal(got.length, 1);
    });

    it("refuses wrong settings and a missing connection", async () => {
      for (const [more, code] of [
        [{ channel: "a b" }, "CHANNEL_INVALID"], [{ eventsOut: "0" }, "PROPERTY_NUMBER"], [{ confirmTimeout: "-1" }, "PROPERTY_NUMBER"], [{ confirmedBy: "one" }, "PROPERTY_LIST"],
        [{ connection: "none" }, "CONNECTION_MISSING"],
      ] as const) {
        const { caught, status } = await load([inNode(more)]);
        await until(() => caught.length > 0, "it is told");
        assert.deepEqual(codes(caught), [code]);
        assert.equal(status("in")?.text, "common.status.badConfig");
        await unloadFlow();
      }
    });
  });
});
