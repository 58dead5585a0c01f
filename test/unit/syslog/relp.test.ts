import assert from "node:assert/strict";
import fc from "fast-check";
import type { SiemError } from "../../../src/common/errors";
import { systemClock } from "../../../src/common/clock";
import { relpTransport, WINDOW, type RelpTarget } from "../../../src/syslog/relp";
import { FrameReader, readAnswer, type RelpFrame } from "../../../src/syslog/relp-frames";
import type { Link } from "../../../src/syslog/transport";
import { RelpServer, soundAnswer, type RelpCommand, type RelpSession } from "../../support/relp-server";
import { until } from "../../support/until";

const frames = (lines: string[]) => {
  let end = 0;
  return { bytes: Buffer.from(lines.join("")), ends: lines.map((line) => (end += Buffer.byteLength(line))) };
};
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}`);

describe("RELP frames", () => {
  const read = (...pieces: Buffer[]) => {
    const reader = new FrameReader();
    const taken: string[] = [];
    const readable = pieces.every((piece) => reader.read(piece, ({ txnr, command, data }) => taken.push(`${txnr} ${command} ${data.toString()}`)));
    return { taken, readable };
  };

  it("are read alike however they are cut into pieces", () => {
    const bytes = Buffer.from("1 rsp 30 200 OK\nrelp_version=0\ncommands\n2 rsp 6 200 OK\n0 serverclose 0\n999999999 rsp 13 500 größe \u0000\n");
    const whole = read(bytes);
    assert.deepEqual(whole.taken.length, 4);
    for (let at = 0; at <= bytes.length; at++) assert.deepEqual(read(bytes.subarray(0, at), bytes.subarray(at)), whole, `cut at ${at}`);
    assert.deepEqual(read(...Array.from(bytes, (byte) => Buffer.of(byte))), whole);
  });

  it("are refused when anything is wrong with them", () => {
    for (const garbage of [
      "x", " 1 rsp 0\n", "1  rsp 0\n", "1 rsp x", "1 rsp 6 200 OK!", "1 rsp 6  00 OK!\n1", "1 rsp 6\n200 OK\n", "1 rsp 0 \n", "1234567890 rsp 0\n", "-1 rsp 0\n", "1 r2p 0\n",
      `1 ${"r".repeat(33)} 0\n`, "1 rsp 16385 ", "1 rsp 999999999 ", "1 rsp 1234567890", "1\n", "1 rsp\n", "HTTP/1.1 400 Bad Request\r\n", "\u0000", "\u0015\u0003\u0001",
    ]) assert.equal(read(Buffer.from(garbage)).readable, false, JSON.stringify(garbage));
  });

  it("neither crash the reader nor fill its memory, whatever bytes come", () => {
    const alphabet = [..."0123 rsp\nOK"].map((char) => char.charCodeAt(0));
    fc.assert(fc.property(fc.array(fc.array(fc.oneof(fc.constantFrom(...alphabet), fc.nat(255)), { maxLength: 300 }), { maxLength: 20 }), (pieces) => {
      const reader = new FrameReader();
      for (const piece of pieces) if (!reader.read(Buffer.from(piece), ({ data }) => void readAnswer(data))) break;
    }), { numRuns: 500 });
    const reader = new FrameReader();
    const taken: RelpFrame[] = [];
    let readable = true;
    for (let n = 0; readable && n < 100; n++) readable = reader.read(Buffer.from("1".repeat(1000)), (frame) => taken.push(frame));
    assert.deepEqual([readable, taken], [false, []]);
  });

  it("are answers only with a code of three digits; text and offers may be missing", () => {
    const answer = (text: string) => readAnswer(Buffer.from(text));
    assert.deepEqual(answer("200 OK"), { code: 200, text: "OK", offers: [] });
    assert.deepEqual(answer("200"), { code: 200, text: "", offers: [] });
    assert.deepEqual(answer("500 disk is full\n"), { code: 500, text: "disk is full", offers: [""] });
    assert.deepEqual(answer("200 OK\nrelp_version=0\ncommands=syslog"), { code: 200, text: "OK", offers: ["relp_version=0", "commands=syslog"] });
    assert.deepEqual(answer("200\ncommands=syslog"), { code: 200, text: "", offers: ["commands=syslog"] });
    for (const none of ["", "20", "2000", "20x OK", "OK 200", " 200 OK"]) assert.equal(answer(none), undefined, none);
  });
});

describe("a RELP session", function () {
  this.timeout(30_000);
  const servers: RelpServer[] = [];
  const links: Link[] = [];
  afterEach(async () => {
    for (const link of links.splice(0)) link.destroy();
    for (const server of servers.splice(0)) await server.stop();
  });

  const serve = async (script?: (command: RelpCommand, session: RelpSession) => void) => {
    const server = await new RelpServer(script).start();
    servers.push(server);
    return server;
  };

  function connect(port: number, options: Partial<RelpTarget> = {}) {
    const seen = { ready: 0, drain: 0, closed: [] as (SiemError | undefined)[], accepted: 0, refused: [] as { after: number; reason: SiemError }[] };
    const link = relpTransport({ host: "127.0.0.1", port, clock: systemClock, ...options }).connect({
      ready: () => void (seen.ready += 1),
      drain: () => void (seen.drain += 1),
      closed: (error) => void seen.closed.push(error as SiemError | undefined),
    });
    links.push(link);
    const write = (lines: string[]) => link.write(frames(lines), {
      handedOver: (count) => void (seen.accepted += count),
      refused: (reason) => void seen.refused.push({ after: seen.accepted + seen.refused.length, reason }),
    });
    return { link, seen, write };
  }
  const up = async (server: RelpServer, options?: Partial<RelpTarget>) => {
    const connection = connect(server.port, options);
    await until(() => connection.seen.ready === 1, "the session is open");
    const session = server.sessions[0];
    assert.ok(session !== undefined);
    return { ...connection, session };
  };
  /** Answers all commands except messages. */
  const silent = (command: RelpCommand, session: RelpSession) => {
    if (command.command !== "syslog") soundAnswer(command, session);
  };

  it("begins with offers, confirms each message with its answer, and ends with a close that is answered", async () => {
    const server = await serve();
    const { link, seen, write, session } = await up(server);
    assert.equal(write(["größe", "", "two\nlines"]), true);
    assert.equal(seen.accepted, 0, "nothing is confirmed before the answer");
    await until(() => seen.accepted === 3, "all are confirmed");
    link.end();
    await until(() => seen.closed.length === 1, "it ended");
    assert.deepEqual(session.commands.map(({ txnr, command }) => `${txnr} ${command}`), ["1 open", "2 syslog", "3 syslog", "4 syslog", "5 close"]);
    assert.deepEqual(session.syslog.map(({ data }) => data), ["größe", "", "two\nlines"]);
    assert.match(session.commands[0]?.data ?? "", /^relp_version=0\nrelp_software=\S+\ncommands=syslog$/);
    assert.equal(seen.closed[0], undefined);
  });

  it("has at most a window of messages without an answer, and asks to wait", async () => {
    const server = await serve(silent);
    const { seen, write, session } = await up(server);
    assert.equal(write(numbered(WINDOW - 8)), true);
    assert.equal(write(numbered(40)), false);
    await until(() => session.syslog.length === WINDOW, "the window is full");
    for (const { txnr } of session.syslog.slice(0, 10)) session.answer(txnr);
    await until(() => session.syslog.length === WINDOW + 10, "room is used at once");
    assert.deepEqual([seen.accepted, seen.drain], [10, 0]);
    for (const { txnr } of session.syslog.slice(10, 100)) session.answer(txnr);
    await until(() => seen.drain === 1 && seen.accepted === 100, "it drained");
    await until(() => session.syslog.length === WINDOW + 32, "the rest was sent");
  });

  it("counts from 1 again behind 999,999,999", async () => {
    const server = await serve();
    const { seen, write, session } = await up(server, { firstTxnr: 999_999_995 });
    write(numbered(300));
    await until(() => seen.accepted === 300, "all are confirmed");
    const numbers = session.commands.map(({ txnr }) => txnr);
    assert.deepEqual(numbers.slice(0, 7), [999_999_995, 999_999_996, 999_999_997, 999_999_998, 999_999_999, 1, 2]);
    assert.equal(new Set(numbers).size, 301);
  });

  it("confirms in the order of the messages when answers come in another order", async () => {
    const server = await serve(silent);
    const { seen, write, session } = await up(server);
    write(numbered(10));
    await until(() => session.syslog.length === 10, "the server has them");
    const numbers = session.syslog.map(({ txnr }) => txnr);
    for (const txnr of numbers.slice(1).reverse()) session.answer(txnr);
    session.raw("");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(seen.accepted, 0, "the first has no answer");
    session.answer(numbers[0] ?? 0);
    await until(() => seen.accepted === 10, "all are confirmed");
    assert.equal(seen.closed.length, 0);
  });

  it("reports a refused message between those before and behind it", async () => {
    const server = await serve((command, session) => {
      if (command.data === "line 3") session.answer(command.txnr, "500 too ugly");
      else soundAnswer(command, session);
    });
    const { seen, write } = await up(server);
    write(numbered(6));
    await until(() => seen.accepted === 5, "the others are confirmed");
    assert.deepEqual(seen.refused.map(({ after, reason }) => [after, reason.code, reason.permanent]), [[3, "LINE_REFUSED", false]]);
    assert.match(seen.refused[0]?.reason.message ?? "", /too ugly/);
  });

  it("confirms only what was answered before the server closed", async () => {
    for (const how of ["serverclose", "end", "reset"] as const) {
      const server = await serve((command, session) => {
        if (command.data === "line 2") setTimeout(() => session.end(how), how === "reset" ? 50 : 0);
        else if (!/line [2-9]/.test(command.data)) soundAnswer(command, session);
      });
      const { seen, write } = await up(server);
      write(numbered(5));
      await until(() => seen.closed.length === 1, `${how} was seen`);
      assert.deepEqual([seen.accepted, seen.refused.length], [2, 0]);
      assert.equal(seen.closed[0] === undefined, how !== "reset");
    }
  });

  it("ends when the server says that it closes, even if the connection stays open", async () => {
    const server = await serve(silent);
    const { seen, write, session } = await up(server);
    write(numbered(1));
    await until(() => session.syslog.length === 1, "the server has it");
    session.raw("0 serverclose 0\n");
    await until(() => seen.closed.length === 1, "it ended");
    assert.deepEqual([seen.closed[0], seen.accepted], [undefined, 0]);
  });

  it("ends when a due answer does not come, but not while answers come slowly or none is due", async () => {
    const server = await serve(silent);
    const { seen, write, session } = await up(server, { answerPatience: 1000 });
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assert.equal(seen.closed.length, 0, "none was due");
    write(numbered(5));
    await until(() => session.syslog.length === 5, "the server has them");
    for (const { txnr } of session.syslog.slice(0, 3)) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      session.answer(txnr);
    }
    assert.equal(seen.closed.length, 0, "answers come slowly");
    await until(() => seen.closed.length === 1, "it was given up");
    assert.deepEqual([seen.closed[0]?.code, seen.accepted], ["RELP_NO_ANSWER", 3]);
  });

  it("says what is wrong with a server that does not open the session", async () => {
    const open = (data: string) => ({ txnr }: RelpCommand, session: RelpSession) => session.answer(txnr, data);
    for (const [script, code, permanent] of [
      [open("500 not you"), "RELP_REFUSED", true],
      [open("200 OK\nrelp_version=0\ncommands=eventlog"), "RELP_NO_SYSLOG", true],
      [open("200 OK"), "RELP_NO_SYSLOG", true],
      [(_: RelpCommand, session: RelpSession) => session.raw("220 mail.example.com ESMTP\r\n"), "RELP_NOT_SPOKEN", false],
      [() => undefined, "RELP_NOT_SPOKEN", false],
    ] as const) {
      const server = await serve(script);
      const { seen } = connect(server.port, { patience: 300 });
      await until(() => seen.closed.length === 1, `${code} was seen`);
      assert.deepEqual([seen.closed[0]?.code, seen.closed[0]?.permanent, seen.ready], [code, permanent, 0]);
    }
  });

  it("ends when an answer makes no sense, and confirms nothing without an answer", async () => {
    for (const wrong of [
      "0", "garbage\n", "7 rsp 6 200 OK\n", "1 rsp 6 200 OK\n", "2 rsp 6 200 OK\n2 rsp 6 200 OK\n", "3 rsp 6 200 OK\n3 rsp 6 200 OK\n",
      "2 syslog 2 hi\n", "2 rsp 0\n", "2 rsp 2 OK\n", "2 rsp 99999 200 OK", "x".repeat(100_000),
    ]) {
      const server = await serve(silent);
      const { seen, write, session } = await up(server);
      write(numbered(3));
      await until(() => session.syslog.length === 3, "the server has them");
      session.raw(wrong);
      if (wrong === "0") session.raw("\n");
      await until(() => seen.closed.length === 1, `${JSON.stringify(wrong.slice(0, 40))} was seen`);
      assert.equal(seen.closed[0]?.code, "RELP_GARBLED");
      assert.equal(seen.accepted, wrong.startsWith("2 rsp 6 200 OK") ? 1 : 0);
    }
  });

  it("ignores hints that it does not know", async () => {
    const server = await serve();
    const { seen, write, session } = await up(server);
    session.raw("0 weather 5 sunny\n");
    write(["a"]);
    await until(() => seen.accepted === 1, "it goes on");
  });

  it("confirms nothing that was not answered, whatever bytes come", async () => {
    const server = await serve(silent);
    await fc.assert(fc.asyncProperty(
      fc.nat(8), fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.string({ minLength: 1 }).map((text) => Buffer.from(`9 rsp ${text}`))),
      async (answered, noise) => {
        const { link, seen, write } = connect(server.port);
        await until(() => seen.ready === 1, "the session is open");
        const session = server.sessions.at(-1);
        assert.ok(session !== undefined);
        write(numbered(8));
        await until(() => session.syslog.length === 8, "the server has them");
        for (const { txnr } of session.syslog.slice(0, answered)) session.answer(txnr);
        session.raw(Buffer.from(noise));
        session.end("end");
        await until(() => seen.closed.length === 1, "it ended");
        link.destroy();
        assert.deepEqual([seen.accepted, seen.refused.length], [answered, 0]);
      }), { numRuns: 60 });
  });
});
