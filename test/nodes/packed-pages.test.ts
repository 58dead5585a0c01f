/** Pages between our own nodes use memory that is reused; any other node must find the right lines in a message. */
import assert from "node:assert/strict";
import tenantNode from "../../nodes/code42-tenant";
import queryNode from "../../nodes/code42-query";
import cefFormat from "../../nodes/cef-format";
import syslogOut from "../../nodes/syslog-out";
import { compileFormatter } from "../../src/cef/encoder";
import { code42FileEventV2 } from "../../src/cef/mappings/code42-file-event-v2";
import { PackedLines } from "../../src/pages/packed-lines";
import { makeFileEvent } from "../../src/simulator/events";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { coreNode, getNode, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";

const nodes = [tenantNode, queryNode, cefFormat, syslogOut, coreNode("common/24-complete.js"), coreNode("function/15-change.js")];
const EVENTS = 1000;

describe("pages between our nodes", () => {
  let simulator: TenantSimulator;
  let siem: Siem;
  let lines: string[];
  /** The lines that the formatter makes of the events. */
  let expected: string[];

  before(startServer);
  after(stopServer);
  beforeEach(async () => {
    simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
    const events = Array.from({ length: EVENTS }, (_, index) => makeFileEvent(index, { insertedUs: (Date.now() - 3_600_000 + index) * 1000 }));
    simulator.add(events);
    expected = events.map(compileFormatter(code42FileEventV2).format);
    lines = [];
    siem = await startSiem({ onEvent: (_event, message) => lines.push(message), onIllegal: (reason) => assert.fail(reason) });
  });
  afterEach(async () => {
    await unloadFlow();
    await siem.close();
    await simulator.close();
  });

  /** Sends all events through `flow` with the nodes "q", "f", "s" and others; resolves with the messages at the node "out". */
  async function run(formatTo: string[], sink: Partial<FlowNode>, others: FlowNode[]): Promise<Record<string, unknown>[]> {
    await loadFlow(nodes, [
      { id: "t", type: "code42-tenant", baseUrl: simulator.url, authType: "api-client" },
      { id: "q", type: "code42-query", tenant: "t", pollInterval: "0", pageSize: "500", cursor: "cursor_packed", cursorType: "global", confirmTimeout: "20", wires: [["f"]] },
      { id: "f", type: "cef-format", wires: [formatTo] },
      { id: "s", type: "syslog-out", host: "127.0.0.1", port: String(siem.port), transport: "tcp", header: "none", confirmDelay: "10", wires: [[], []], ...sink },
      ...others,
      { id: "out", type: "helper", wires: [] },
    ], { credentials: { t: { clientId: simulator.clientId, clientSecret: simulator.clientSecret } } });
    const out = recordMessages("out");
    const status = recordStatus("q");
    getNode("q").receive({});
    await until(() => status.at(-1)?.text === "status.idle" || status.at(-1)?.fill === "red", "the poll ends", 30_000);
    await until(() => lines.length >= EVENTS, "every line is there", 10_000);
    assert.equal(siem.illegal, 0);
    assert.equal(siem.ids.size, EVENTS);
    assert.equal(siem.duplicates, 0);
    assert.deepEqual(lines, expected);
    return out;
  }

  /** How many pages came to syslog-out as bytes. */
  let packed = 0;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its object
  const { release } = PackedLines.prototype;
  beforeEach(() => {
    packed = 0;
    PackedLines.prototype.release = function () {
      packed += 1;
      release.call(this);
    };
  });
  afterEach(() => { PackedLines.prototype.release = release; });

  /** Checks that the messages have the lines that the SIEM got. */
  const agree = async (messages: Record<string, unknown>[]) => {
    const all = () => messages.flatMap(({ payload }) => payload as string[]);
    await until(() => all().length >= EVENTS, "the messages come");
    const told = all();
    assert.deepEqual(told, expected);
  };

  it("carry each event to the SIEM once", async () => {
    assert.deepEqual(await run(["s"], {}, []), []);
    assert.ok(packed >= 2, `${packed} pages`);
  });

  it("give a node behind the sink the lines that were sent", async () => {
    await agree(await run(["s"], { wires: [["out"]] }, []));
    assert.equal(packed, 0);
  });

  it("give a complete node the lines that were sent", async () => {
    await agree(await run(["s"], {}, [{ id: "done", type: "complete", scope: ["s"], wires: [["out"]] }]));
  });

  it("give a node between formatter and sink an ordinary array", async () => {
    const change: FlowNode = { id: "c", type: "change", rules: [{ t: "set", p: "copy", pt: "msg", to: "payload", tot: "msg", dc: true }], wires: [["s", "out"]] };
    const messages = await run(["c"], {}, [change]);
    await agree(messages);
    for (const { copy, payload } of messages) {
      assert.ok(Array.isArray(copy));
      assert.deepEqual(copy, payload);
    }
  });

  it("give a second node beside the sink the same lines", async () => {
    await agree(await run(["s", "out"], {}, []));
  });
});
