import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../../src/common/clock";
import { TcpTable, tcpTableOfProcess, unacknowledged, type TcpTableParts } from "../../../src/syslog/tcp-table";
import { queueIsShown } from "../../../src/syslog/tcp-trial";
import { endsOf, type Ends } from "../../../src/syslog/transport";
import { TestClock, turns } from "../../support/syslog-sender";
import { until } from "../../support/until";

/** Written by Linux 6.18 on a little-endian machine: for each address a connection that is idle, and one whose receiver does not read. */
const table = (name: string) => readFileSync(join(__dirname, "../../data", `${name}.txt`));
const [tcp, tcp6] = [table("proc-net-tcp"), table("proc-net-tcp6")];
const ends = (address: string, local: number, remote: number): Ends => ({ local: { address, port: local }, remote: { address, port: remote } });

describe("the table of TCP sockets", () => {
  it("tells what is not acknowledged over IPv4, IPv6, IPv4 inside IPv6, and with a scope id", () => {
    assert.equal(unacknowledged(tcp, ends("127.0.0.1", 44_528, 35_951)), 0);
    assert.equal(unacknowledged(tcp, ends("127.0.0.1", 51_726, 37_089)), 0x39b600);
    assert.equal(unacknowledged(tcp6, ends("::1", 37_398, 43_085)), 0);
    assert.equal(unacknowledged(tcp6, ends("::1", 35_094, 35_585)), 0x3b2a00);
    assert.equal(unacknowledged(tcp6, ends("::ffff:127.0.0.1", 36_068, 41_193)), 0);
    assert.equal(unacknowledged(tcp6, ends("::ffff:127.0.0.1", 50_744, 41_537)), 0x3b2a00);
    assert.equal(unacknowledged(tcp6, ends("fe80::5%lo", 39_466, 42_845)), 0);
    assert.equal(unacknowledged(tcp6, ends("fe80::5%lo", 41_444, 34_461)), 0x39f200);
  });

  it("reads addresses in every short form", () => {
    const row = (address: string) => Buffer.from(`  0: ${address}:0001 ${address}:0002 01 00000005:00000000 00:0 \n`);
    assert.equal(unacknowledged(row("B80D01200000000000000000EF0D0000"), ends("2001:db8::def", 1, 2)), 5);
    assert.equal(unacknowledged(row("B80D0120010002000300040005000600"), ends("2001:db8:2:1:4:3:6:5", 1, 2)), 5);
    assert.equal(unacknowledged(row("B80D0120010000000000000000000000"), ends("2001:db8:0:1::", 1, 2)), 5);
    assert.equal(unacknowledged(row("000080FE000000000000000000000000"), ends("fe80::%eth0", 1, 2)), 5);
  });

  it("tells nothing without a row, with two of them, and for a connection that is closing", () => {
    const full = ends("127.0.0.1", 51_726, 37_089);
    const changed = (from: string, to: string) => Buffer.from(tcp.toString().replace(from, to));
    const row = tcp.toString().split("\n").find((line) => line.includes("CA0E 0100007F:90E1")) ?? "";
    assert.equal(unacknowledged(changed(`${row}\n`, ""), full), undefined);
    assert.equal(unacknowledged(changed(row, `${row}\n${row}`), full), undefined);
    for (const state of ["02", "04", "05", "06", "07", "09", "0B"]) assert.equal(unacknowledged(changed("90E1 01 ", `90E1 ${state} `), full), undefined, state);
    assert.equal(unacknowledged(changed("90E1 01 ", "90E1 08 "), full), 0x39b600, "the peer writes no more");
    assert.equal(unacknowledged(tcp.subarray(0, tcp.indexOf("0039B600")), full), undefined, "the file ends inside the row");
    assert.equal(unacknowledged(Buffer.alloc(0), full), undefined);
    assert.equal(unacknowledged(tcp, ends("127.0.0.1", 51_726, 37_088)), undefined);
    assert.equal(unacknowledged(tcp6, full), undefined);
  });

  describe("is read", () => {
    const link = ends("127.0.0.1", 51_726, 37_089);
    /** A reader whose readings take `takes` ms. */
    const reader = (takes: () => number, read: () => Promise<Buffer> = () => Promise.resolve(tcp), trial: TcpTableParts["trial"] = () => Promise.resolve(true)) => {
      const clock = new TestClock();
      const readings: number[] = [];
      let waited = 0;
      const made = new TcpTable({
        clock, waited: () => waited, trial,
        read: async () => {
          readings.push(clock.now());
          const ms = takes();
          await new Promise<void>((resolve) => clock.after(ms, resolve));
          waited += ms;
          return read();
        },
      });
      return { clock, readings, table: made };
    };

    it("for all who asked before it began, and again for those who asked later, 20 ms after it", async () => {
      const { clock, readings, table: shared } = reader(() => 3);
      const began: string[] = [];
      const answers: unknown[] = [];
      const ask = (name: string) => void shared.missing(link, () => began.push(name)).then((missing) => answers.push([name, missing]));
      ask("a");
      ask("b");
      await clock.advance(0);
      ask("c");
      assert.deepEqual([began, answers], [["a", "b"], []]);
      await clock.advance(3);
      assert.deepEqual(answers, [["a", 0x39b600], ["b", 0x39b600]]);
      await clock.advance(100);
      assert.deepEqual(began, ["a", "b", "c"]);
      assert.deepEqual(readings, [0, 23]);
      await clock.advance(1000);
      assert.equal(readings.length, 2, "nobody asks");
    });

    it("seldom where it is large: 50 times as long after it as it took", async () => {
      const { clock, readings, table: large } = reader(() => 40);
      for (let n = 0; n < 4; n++) {
        void large.missing(link, () => undefined);
        await clock.advance(2500);
      }
      assert.deepEqual(readings, [0, 2500, 5000, 7500]);
      const { clock: second, readings: often, table: busy } = reader(() => 40);
      void (async () => { for (;;) await busy.missing(link, () => undefined); })();
      await second.advance(8200);
      assert.deepEqual(often, [0, 2040, 4080, 6120, 8160]);
    });

    it("as often as ever after one slow reading, which a busy machine makes", async () => {
      let takes = 5;
      const { clock, readings, table: small } = reader(() => takes);
      void (async () => { for (;;) await small.missing(link, () => undefined); })();
      await clock.advance(60);
      takes = 200;
      await clock.advance(100);
      takes = 5;
      await clock.advance(400);
      assert.ok(readings.length > 8, `${readings.length} readings`);
    });

    it("and not trusted on a system without it, which no trial connection is made for", async () => {
      let trials = 0;
      const { clock, table: none } = reader(() => 1, () => Promise.reject(new Error("ENOENT")), () => Promise.resolve(++trials > 0));
      const tells = none.tell();
      await clock.advance(100);
      assert.deepEqual([await tells, trials], [false, 0]);
      const missing = none.missing(link, () => undefined);
      await clock.advance(100);
      assert.equal(await missing, undefined);
    });

    it("and not trusted where its queues are always empty; the trial is repeated for the next connection", async () => {
      let works = false;
      let trials = 0;
      const { clock, table: sandbox } = reader(() => 1, undefined, () => {
        trials += 1;
        return Promise.resolve(works);
      });
      const ask = async () => {
        const both = Promise.all([sandbox.tell(), sandbox.tell()]);
        await clock.advance(10);
        return both;
      };
      assert.deepEqual([await ask(), trials], [[false, false], 1]);
      works = true;
      assert.deepEqual([await ask(), trials], [[true, true], 2]);
      assert.deepEqual([await ask(), trials], [[true, true], 2]);
    });
  });

  describe("of this system", () => {
    const open: (Server | Socket)[] = [];
    afterEach(() => {
      // A reset leaves no row behind in the table.
      for (const one of open.splice(0)) if ("listening" in one) one.close(); else one.resetAndDestroy();
    });
    const linked = async (host: string, listenOn = host) => {
      const server = createServer({ pauseOnConnect: true }).listen(0, listenOn);
      await once(server, "listening");
      const client = connect((server.address() as AddressInfo).port, host);
      const [accepted] = (await Promise.all([once(server, "connection"), once(client, "connect")]))[0] as [Socket];
      open.push(server, client, accepted);
      return { client, accepted, at: endsOf(client) as Ends };
    };

    it("shows that it can be trusted, and leaves no connection behind", async () => {
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
      const before = sockets();
      assert.equal(await tcpTableOfProcess().tell(), true);
      await turns();
      assert.equal(sockets(), before);
      assert.equal(await queueIsShown(() => Promise.resolve(0)), false);
      assert.equal(await queueIsShown(() => Promise.resolve(undefined)), false);
    });

    for (const [name, host, listenOn] of [["IPv4", "127.0.0.1"], ["IPv6", "::1"], ["IPv4 inside IPv6", "::ffff:127.0.0.1", "::"]] as const) {
      it(`tells when the receiver took everything: ${name}`, async () => {
        const { client, accepted, at } = await linked(host, listenOn);
        const missing = () => tcpTableOfProcess().missing(at, () => undefined);
        assert.equal(await missing(), 0);
        for (let n = 0; n < 128; n++) client.write(Buffer.alloc(65_536));
        await until(() => client.writableLength > 0, "it wrote");
        assert.ok((await missing() ?? 0) > 0);
        accepted.resume();
        await until(() => client.writableLength === 0, "all is handed over");
        while (await missing() !== 0) { /* the acknowledgement is on its way */ }
        client.destroy();
        assert.equal(await missing(), undefined, "the row is gone or closing");
      });
    }

    it("tells it among 2,000 connections, in less than a second", async () => {
      const { client, at } = await linked("127.0.0.1");
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      open.push(server.on("connection", (socket) => open.push(socket.on("error", () => undefined))));
      const { port } = server.address() as AddressInfo;
      await Promise.all(Array.from({ length: 1000 }, async () => {
        const other = connect(port, "127.0.0.1");
        open.push(other);
        await once(other, "connect");
      }));
      for (let n = 0; n < 128; n++) client.write(Buffer.alloc(65_536));
      const began = systemClock.now();
      assert.ok((await tcpTableOfProcess().missing(at, () => undefined) ?? 0) > 0);
      assert.ok(systemClock.now() - began < 1000);
    });
  });
});
