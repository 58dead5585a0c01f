import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { plain } from "../../../src/common/border";
import { systemClock } from "../../../src/common/clock";
import { syslogError } from "../../../src/syslog/errors";
import { relpTransport, WINDOW } from "../../../src/syslog/relp";
import { Sender, type SenderOptions } from "../../../src/syslog/sender";
import { senderStatus } from "../../../src/syslog/status";
import { udpTransport } from "../../../src/syslog/transport";
import { RelpServer, soundAnswer, type RelpCommand, type RelpSession } from "../../support/relp-server";
import { testSender, turns, type SettledBatch } from "../../support/syslog-sender";
import { until } from "../../support/until";

type Script = (command: RelpCommand, session: RelpSession) => void;

describe("lines that a server refuses", function () {
  this.timeout(30_000);
  const servers: RelpServer[] = [];
  const senders: Sender[] = [];
  afterEach(async () => {
    for (const sender of senders.splice(0)) await sender.close(0);
    for (const server of servers.splice(0)) await server.stop();
  });

  /** A sender to a RELP server with a script for messages; it retries at once. */
  async function start(onMessage: Script, options: Partial<SenderOptions> = {}) {
    const server = await new RelpServer((command, session) => {
      if (command.command === "syslog") onMessage(command, session);
      else soundAnswer(command, session);
    }).start();
    servers.push(server);
    const outages: string[] = [];
    const sender = new Sender({
      host: "127.0.0.1", port: server.port, framing: "datagram", header: () => Buffer.alloc(0), maxBytes: 65_536,
      transport: relpTransport({ host: "127.0.0.1", port: server.port, clock: systemClock }),
      limits: { events: 10_000, bytes: 10_000_000, overflow: "refuse" }, resendWindow: 0, confirmDelay: 0,
      clock: systemClock, random: () => 0.001, changed: () => undefined, outage: ({ code }) => outages.push(code), ...options,
    });
    senders.push(sender);
    sender.start();
    const push = (...page: string[]) => {
      const result: { settled?: SettledBatch } = {};
      sender.push(page, (error, { shortened, undeliverable }) => { result.settled = { error, shortened, undeliverable: [...undeliverable] }; });
      return result;
    };
    return { sender, server, outages, push };
  }
  const accept = (lines: string[], { txnr, data }: RelpCommand, session: RelpSession) => {
    lines.push(data);
    session.answer(txnr);
  };
  const page = (count: number, poison: string) => Array.from({ length: count }, (_, n) => (n === 3 ? poison : `line ${n}`));

  it("are shortened to what the server takes, while the others of the page pass", async () => {
    const sizes: number[] = [];
    const lines: string[] = [];
    const { push, sender } = await start((command, session) => {
      if (command.data.startsWith("x")) sizes.push(command.data.length);
      if (command.data.length > 2048) session.answer(command.txnr, "500 too long");
      else accept(lines, command, session);
    });
    const result = push(...page(300, "x".repeat(5000)));
    await until(() => result.settled !== undefined, "the page is settled", 25_000);
    assert.deepEqual(result.settled, { error: undefined, shortened: 1, undeliverable: [] });
    assert.deepEqual(sizes, [5000, 2048]);
    assert.deepEqual(lines.filter((line) => !line.startsWith("x")), page(300, "x").filter((line) => line !== "x"));
    assert.equal(sender.counters.reconnects, 0);
  });

  it("are set aside when no length helps, and the page is delivered without them", async () => {
    const lines: string[] = [];
    const poison = `x${"é".repeat(3000)}`;
    const sizes: number[] = [];
    const { push, sender } = await start((command, session) => {
      if (!command.data.startsWith("x")) return accept(lines, command, session);
      sizes.push(Buffer.byteLength(command.data));
      session.answer(command.txnr, "500 too ugly");
    });
    const result = push(...page(300, poison));
    await until(() => result.settled !== undefined, "the page is settled", 25_000);
    assert.equal(result.settled?.error, undefined);
    assert.deepEqual(result.settled?.undeliverable.map(({ line, reason }) => [line, reason.code]), [[poison, "LINE_REFUSED"]]);
    assert.deepEqual(sizes, [6001, 2047, 479]);
    assert.equal(lines.length, 299);
    assert.deepEqual([sender.counters.delivered, sender.counters.undeliverable, sender.queued], [299, 1, 0]);
  });

  it("are the right ones in a page with empty lines, which are not sent and count as settled", async () => {
    const lines: string[] = [];
    const { push, sender, server } = await start((command, session) => {
      if (command.data.startsWith("x")) session.answer(command.txnr, "500 too ugly");
      else accept(lines, command, session);
    });
    const result = push("", "a", "\n", "", "x1", "b\r\n", "\r\n", "x2", "");
    const empty = push("", "\n");
    await until(() => result.settled !== undefined && empty.settled !== undefined, "both are settled");
    assert.deepEqual(result.settled?.undeliverable.map(({ line }) => line), ["x1", "x2"]);
    assert.deepEqual(empty.settled, { error: undefined, shortened: 0, undeliverable: [] });
    assert.deepEqual(lines, ["a", "b"]);
    assert.deepEqual([server.sessions.length, sender.queued, sender.counters.undeliverable], [1, 0, 2]);
    const { received, delivered, undeliverable, empty: skipped } = sender.counters;
    assert.deepEqual([received, delivered + undeliverable + skipped, skipped], [11, 11, 7]);
  });

  it("all wait as long as the server takes none, and the status is red with the reason", async () => {
    let trouble = true;
    const lines: string[] = [];
    const { push, sender, server, outages } = await start((command, session) => {
      if (trouble) session.answer(command.txnr, "500 disk full");
      else accept(lines, command, session);
    });
    const result = push(...page(2500, "x"));
    await until(() => server.sessions.length > 5, "it tried again and again");
    await until(() => sender.state === "waiting" && senderStatus(sender)[0] === "red", "it is red", 25_000);
    assert.equal(senderStatus(sender)[1], "status.ALL_REFUSED");
    assert.match(sender.lastError?.message ?? "", /refuses every line.*disk full/);
    assert.deepEqual([outages, sender.counters.undeliverable, result.settled], [["ALL_REFUSED"], 0, undefined]);
    assert.ok((server.sessions[0]?.syslog.length ?? 0) < 1000 + 2 * WINDOW, "it does not try them all");
    trouble = false;
    await until(() => result.settled !== undefined, "the page is settled", 25_000);
    assert.deepEqual(lines, page(2500, "x"));
  });

  it("wait in a session in which the server takes none, even if it took lines in an earlier one", async () => {
    const { sender, clock, link, push, settled, outages, up } = testSender({ stream: false, framing: "datagram" });
    sender.start();
    push("a");
    await up();
    link().flush();
    link().listener.closed();
    await clock.advance(500);
    push("b");
    await up();
    link().reports[0]?.refused(syslogError("LINE_REFUSED", plain.params({ reason: "disk full" })));
    assert.deepEqual(outages.map(({ code }) => code), ["SERVER_CLOSED", "ALL_REFUSED"]);
    assert.deepEqual([settled.has("b"), sender.counters.undeliverable, link().destroyed], [false, 0, true]);
  });

  it("wait if there is only one, until another line passes", async () => {
    const lines: string[] = [];
    const { push, server, sender } = await start((command, session) => {
      if (command.data.startsWith("x")) session.answer(command.txnr, "500 too ugly");
      else accept(lines, command, session);
    });
    const alone = push("x");
    await until(() => server.sessions.length > 3, "it tried again");
    assert.deepEqual([alone.settled, sender.counters.undeliverable], [undefined, 0]);
    const other = push("fine");
    await until(() => alone.settled !== undefined && other.settled !== undefined, "both are settled");
    assert.equal(alone.settled?.undeliverable.length, 1);
    assert.deepEqual(other.settled?.undeliverable, []);
  });

  it("are found by sending lines one by one when the server ends each session at one", async () => {
    const lines: string[] = [];
    const poison = "x".repeat(3000);
    const { push, server, sender } = await start((command, session) => {
      if (command.data.length > 2048) session.end(session.number % 2 === 0 ? "serverclose" : "reset");
      else accept(lines, command, session);
    });
    const result = push(...page(300, poison));
    await until(() => result.settled !== undefined, "the page is settled", 25_000);
    assert.deepEqual(result.settled, { error: undefined, shortened: 1, undeliverable: [] });
    assert.deepEqual([...new Set(lines)].sort(), page(300, "x".repeat(2048)).sort());
    const alone = server.sessions.filter(({ syslog }) => syslog.length === 1 && syslog[0]?.data === poison);
    assert.equal(alone.length, 2);
    assert.equal(sender.counters.undeliverable, 0);
  });

  it("are found even behind lines that the server leaves without an answer", async () => {
    const lines: string[] = [];
    const { push, server } = await start((command, session) => {
      if (command.data.startsWith("x")) session.end("reset");
      else setTimeout(() => accept(lines, command, session), 20);
    });
    const result = push(...Array.from({ length: 100 }, (_, n) => (n === 30 ? "x" : `line ${n}`)));
    await until(() => result.settled !== undefined, "the page is settled", 25_000);
    assert.deepEqual(result.settled?.undeliverable.map(({ line }) => line), ["x"]);
    assert.equal(new Set(lines).size, 99);
    assert.ok(server.sessions.length <= 8, `${server.sessions.length} sessions`);
  });

  it("are set aside when they end the session at every length", async () => {
    const lines: string[] = [];
    const { push, server } = await start((command, session) => {
      if (command.data.startsWith("x")) session.end("reset");
      else accept(lines, command, session);
    });
    const result = push(...page(300, "x".repeat(600)));
    await until(() => result.settled !== undefined, "the page is settled", 25_000);
    assert.deepEqual(result.settled?.undeliverable.map(({ reason }) => reason.code), ["LINE_ENDS_SESSION"]);
    assert.equal(result.settled?.error, undefined);
    assert.equal(new Set(lines).size, 299);
    const sessions = server.sessions.length;
    push("afterwards");
    await until(() => lines.includes("afterwards"), "the next line passes");
    assert.ok(sessions <= 8, `${sessions} sessions`);
  });

  it("are never set aside because a server flaps, falls silent or is down", async () => {
    const { sender, clock, link, push, settled, up } = testSender({ stream: false, framing: "datagram", limits: { events: 100, bytes: 1e6, overflow: "refuse" } });
    const refused = () => Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    sender.start();
    push("page", Array.from({ length: 60 }, (_, n) => `line ${n}`));
    for (let n = 0; n < 30; n++) {
      await up();
      if (n % 2 === 0) link().reports[0]?.handedOver(1);
      link().listener.closed();
      await clock.advance(60_000);
      link().listener.closed(refused());
      await clock.advance(60_000);
    }
    assert.equal(sender.counters.undeliverable, 0);
    for (let n = 0; n < 20; n++) {
      await up();
      link().listener.closed(Object.assign(new Error("timed out"), { code: "ETIMEDOUT" }));
      await clock.advance(60_000);
    }
    await up();
    link().flush();
    await turns();
    assert.deepEqual(settled.get("page"), { error: undefined, shortened: 0, undeliverable: [] });
  });

  it("are sent again from the first one without an answer, in order and before anything new", async () => {
    const lines: string[] = [];
    const { push, server, sender } = await start((command, session) => {
      if (session.number > 1) accept(lines, command, session);
      else if (session.syslog.length <= 70) accept(lines, command, session);
      else if (session.syslog.length === 100) session.end("reset");
    });
    const first = push(...Array.from({ length: 90 }, (_, n) => `a${n}`));
    const second = push(...Array.from({ length: 90 }, (_, n) => `b${n}`));
    await until(() => first.settled !== undefined && second.settled !== undefined, "both are settled");
    assert.equal(server.sessions.length, 2);
    const confirmed = 180 - (server.sessions[1]?.syslog.length ?? 0);
    assert.ok(confirmed <= 70);
    const all = [...Array.from({ length: 90 }, (_, n) => `a${n}`), ...Array.from({ length: 90 }, (_, n) => `b${n}`)];
    assert.deepEqual(server.sessions[1]?.syslog.map(({ data }) => data), all.slice(confirmed));
    assert.deepEqual([sender.counters.delivered, sender.counters.reconnects], [180, 1]);
    assert.ok(sender.counters.resent > 0);
  });

  it("over UDP are shortened to what every receiver takes, and the link stays", async () => {
    const received: string[] = [];
    const socket = createSocket("udp4").on("message", (message) => received.push(message.toString()));
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const { port } = socket.address();
    const { push, sender, outages } = await start(accept.bind(undefined, []), { port, transport: udpTransport({ host: "127.0.0.1", port, clock: systemClock }), maxBytes: 100_000 });
    const alone = push("z".repeat(70_000));
    await until(() => alone.settled !== undefined && received.length === 1, "it needs no other line that passes");
    assert.equal(received.pop()?.length, 1180);
    const result = push("a", "x".repeat(70_000), "b", "y".repeat(66_000), "c");
    await until(() => result.settled !== undefined && received.length === 5, "all arrived");
    assert.deepEqual(result.settled, { error: undefined, shortened: 2, undeliverable: [] });
    assert.deepEqual(received.map((line) => `${line[0]} ${line.length}`).sort(), ["a 1", "b 1", "c 1", "x 1180", "y 1180"]);
    assert.deepEqual([outages, sender.counters.reconnects], [[], 0]);
    socket.close();
  });
});
