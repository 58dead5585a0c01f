import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { systemClock } from "../../../src/common/clock";
import { senderStatus } from "../../../src/syslog/status";
import { tcpTableOfProcess } from "../../../src/syslog/tcp-table";
import { tcpTransport } from "../../../src/syslog/transport";
import { testSender, turns } from "../../support/syslog-sender";
import { until } from "../../support/until";

const MB = 1024 * 1024;
const MINUTE = 60_000;
const reset = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
/** A sender on a system that tells what the peer has acknowledged. Each line of the name's length is a frame of that and one byte. */
function withEvidence(options: Parameters<typeof testSender>[0] = {}) {
  const made = testSender({ evidence: true, chunkBytes: 8, ...options });
  /** Writes a line, which the kernel takes. */
  const write = async (name: string) => {
    made.push(name);
    await turns();
    made.link().flush();
  };
  return { ...made, write };
}

describe("arrival of lines over TCP and TLS", () => {
  describe("is seen", () => {
    it("when the peer has acknowledged them, and the confirm delay since hand-over is over", async () => {
      const { sender, clock, table, write, settled, up } = withEvidence();
      sender.start();
      await up();
      table.missingBytes = 5;
      await write("line");
      await clock.advance(5000);
      assert.equal(settled.size, 0, "the kernel took it, but the peer did not");
      table.missingBytes = 0;
      await clock.advance(50);
      assert.equal(settled.get("line")?.error, undefined);
      assert.ok(settled.has("line"));
      await write("next");
      await clock.advance(99);
      assert.equal(settled.size, 1, "acknowledged, but not long enough ago");
      await clock.advance(30);
      assert.equal(settled.size, 2);
    });

    it("line by line, as far as the unacknowledged bytes can be those of later lines", async () => {
      const { sender, clock, table, link, push, order, up } = withEvidence();
      sender.start();
      await up();
      for (const name of ["first.", "second", "third."]) push(name);
      await turns();
      table.missingBytes = 15;
      link().flush();
      await clock.advance(1000);
      assert.deepEqual(order, [], "15 bytes are more than the two lines behind the first");
      table.missingBytes = 14;
      await clock.advance(100);
      assert.deepEqual(order, ["first."]);
      table.missingBytes = 7;
      await clock.advance(100);
      assert.deepEqual(order, ["first.", "second"]);
      table.missingBytes = undefined;
      await clock.advance(1000);
      assert.deepEqual(order, ["first.", "second"], "no evidence");
      table.missingBytes = 0;
      await clock.advance(100);
      assert.deepEqual(order, ["first.", "second", "third."]);
    });

    it("without counting lines that were handed over after the reading began, or were only written", async () => {
      const { sender, clock, table, link, push, write, order, up } = withEvidence();
      sender.start();
      await up();
      table.missingBytes = 7;
      await write("first.");
      // The kernel takes the second line while the table is read: its 7 bytes are not those that are missing.
      table.reading = () => link().flush();
      push("second");
      await clock.advance(125);
      assert.deepEqual(order, []);
    });

    it("by hand-over and time alone on a system that does not tell, which the node says once", async () => {
      let told = 0;
      const { sender, clock, table, links, link, write, order, up } = withEvidence({ noEvidence: () => void (told += 1) });
      table.tells = false;
      table.missingBytes = 99;
      sender.start();
      for (const name of ["a", "b"]) {
        await up();
        await write(name);
        await clock.advance(100);
        assert.equal(order.at(-1), name);
        await clock.advance(MINUTE);
        link().listener.closed();
        await clock.advance(500);
      }
      assert.deepEqual([told, table.readings, links.length], [1, 0, 3]);
    });
  });

  describe("that is not seen", () => {
    it("leaves lines in hand however old they are, and they are sent again", async () => {
      const { sender, clock, table, link, write, settled, up } = withEvidence({ resendWindow: 1000 });
      sender.start();
      await up();
      table.missingBytes = 5;
      await write("line");
      await clock.advance(50_000);
      link().listener.closed(reset());
      await clock.advance(500);
      await up();
      assert.deepEqual(link().lines(), ["line"]);
      assert.equal(settled.size, 0);
    });

    it("makes the queue wait at 16 MiB, and throws nothing of these away", async () => {
      const { sender, clock, table, link, push, up } = withEvidence({ limits: { events: 1e6, bytes: 1e9, overflow: "refuse" }, maxBytes: MB, chunkBytes: 256 * 1024 });
      sender.start();
      await up();
      push("page", Array.from({ length: 40 }, (_, n) => `${n}`.padEnd(MB - 100)));
      await turns();
      table.missingBytes = 100 * MB;
      link().flush();
      await clock.advance(8000);
      assert.equal(link().written.length, 17);
      link().listener.closed(reset());
      await clock.advance(500);
      await up();
      await turns();
      assert.deepEqual(link().lines().map(Number), Array.from({ length: 17 }, (_, n) => n));
    });

    it("is shown after 10 s and told once, until something arrives", async () => {
      const { sender, clock, table, write, outages, up } = withEvidence();
      const status = () => {
        const [fill, key] = senderStatus(sender);
        return `${fill} ${key}`;
      };
      sender.start();
      await up();
      await clock.advance(30_000);
      assert.equal(status(), "green status.delivered", "nothing waits");
      table.missingBytes = 5;
      await write("line");
      await clock.advance(9000);
      assert.deepEqual([status(), outages.length], ["green status.delivered", 0]);
      assert.deepEqual([sender.figures["unacknowledgedBytes"], sender.figures["secondsWithoutProgress"]], [5, 9]);
      await clock.advance(20_000);
      assert.deepEqual([status(), outages.map(({ code }) => code)], ["yellow status.SIEM_SILENT", ["SIEM_SILENT"]]);
      assert.match(outages[0]?.message ?? "", /has acknowledged nothing for 10 seconds/);
      assert.ok(Number(sender.figures["secondsWithoutProgress"]) >= 28);
      table.missingBytes = 0;
      await clock.advance(2000);
      assert.equal(status(), "green status.delivered");
      assert.deepEqual([sender.figures["unacknowledgedBytes"], sender.figures["secondsWithoutProgress"]], [0, 0]);
      table.missingBytes = 5;
      await write("more");
      await clock.advance(12_000);
      assert.equal(outages.length, 2, "another silence is news");
    });

    it("is no silence on a full, slow link on which the peer acknowledges something every few seconds", async () => {
      const { sender, clock, table, links, link, push, outages, up } = withEvidence({ accept: false });
      sender.start();
      await up();
      push("line");
      await turns();
      // The chunk is larger than what the kernel has room for: it is never handed over.
      for (table.missingBytes = 4_000_000; table.missingBytes > 3_900_000; table.missingBytes -= 1000) await clock.advance(8000);
      assert.deepEqual([links.length, outages.length, link().destroyed], [1, 0, false]);
    });

    it("leads to a new link after 60 s, over which everything is sent again", async () => {
      const { sender, clock, table, links, link, write, outages, order, up } = withEvidence();
      sender.start();
      await up();
      table.missingBytes = 5;
      await write("line");
      await clock.advance(59_000);
      assert.equal(link().destroyed, false);
      await clock.advance(2500);
      assert.deepEqual([links[0]?.destroyed, links.length], [true, 2]);
      table.missingBytes = 0;
      await up();
      assert.deepEqual(link().lines(), ["line"]);
      link().flush();
      await clock.advance(3000);
      assert.deepEqual(order, ["line"]);
      assert.deepEqual(outages.map(({ code }) => code), ["SIEM_SILENT"]);
    });

    it("leads to a new link where the system does not tell, when the kernel has taken nothing for a minute", async () => {
      const { sender, clock, table, links, push, up } = withEvidence({ accept: false });
      table.tells = false;
      sender.start();
      await up();
      push("line");
      await clock.advance(90_000);
      assert.equal(links.length, 1, "the kernel may have taken a part of it");
      links[0]?.listener.stalled?.();
      await clock.advance(500);
      assert.deepEqual([links[0]?.destroyed, links.length], [true, 2]);
    });

    /** It is closed before the peer has acknowledged the line. */
    const closedTooEarly = async () => {
      const made = withEvidence();
      made.sender.start();
      await made.up();
      made.table.missingBytes = 5;
      await made.write("line");
      return { ...made, closed: made.sender.close(9000) };
    };

    it("is waited for 9 s when the node is closed, and then counts as not delivered", async () => {
      const { clock, settled, closed } = await closedTooEarly();
      await clock.advance(8900);
      assert.equal(settled.size, 0);
      await clock.advance(2000);
      await closed;
      assert.equal(settled.get("line")?.error?.code, "CLOSED");
      assert.deepEqual(clock.pending, []);
    });

    it("and comes within the 9 s counts", async () => {
      const { clock, table, settled, closed } = await closedTooEarly();
      await clock.advance(8000);
      table.missingBytes = 0;
      await clock.advance(1000);
      await closed;
      assert.equal(settled.get("line")?.error, undefined);
    });
  });

  describe("over a new link", () => {
    it("counts only after twice the time that connecting took", async () => {
      const { sender, clock, write, order, up } = withEvidence();
      sender.start();
      await clock.advance(400);
      await up();
      await write("line");
      await clock.advance(799);
      assert.deepEqual(order, []);
      await clock.advance(1);
      assert.deepEqual(order, ["line"]);
    });

    it("counts at once when the server has accepted the client certificate", async () => {
      const { sender, clock, link, write, order, up } = withEvidence();
      sender.start();
      await clock.advance(4000);
      await up();
      link().listener.accepted?.();
      await write("line");
      await clock.advance(120);
      assert.deepEqual(order, ["line"]);
    });

    it("is doubted for its whole life if the other side ends it within a minute", async () => {
      const { sender, clock, link, write, order, up } = withEvidence();
      sender.start();
      await up();
      for (const name of ["a", "b", "c"]) {
        await write(name);
        await clock.advance(18_000);
      }
      assert.deepEqual(order, ["a", "b", "c"]);
      link().listener.closed();
      await clock.advance(500);
      await up();
      assert.deepEqual(link().lines(), ["a", "b", "c"]);
      assert.equal(sender.counters.resent, 3);
    });

    it("is not doubted for longer than the resend window if it was older, even for lines that were written before", async () => {
      const { sender, clock, table, link, write, order, up } = withEvidence();
      sender.start();
      await up();
      await clock.advance(MINUTE);
      await write("old");
      await clock.advance(6000);
      table.missingBytes = 5;
      await write("late");
      await clock.advance(20_000);
      table.missingBytes = 0;
      await clock.advance(1000);
      assert.deepEqual(order, ["old", "late"]);
      link().listener.closed(reset());
      await clock.advance(500);
      await up();
      assert.deepEqual(link().lines(), ["late"], "acknowledged a second ago");
    });

    it("sends nothing twice that was confirmed if the resend window is 0", async () => {
      const { sender, clock, link, write, up } = withEvidence({ resendWindow: 0 });
      sender.start();
      await up();
      await write("line");
      await clock.advance(1000);
      link().listener.closed();
      await clock.advance(500);
      await up();
      assert.deepEqual(link().lines(), []);
    });

    it("counts only after twice the life of the last one, if that ended within a minute; after 60 s at most", async () => {
      for (const [life, wait] of [[3000, 6000], [40_000, MINUTE], [59_000, MINUTE], [61_000, 100]] as const) {
        const { sender, clock, link, write, order, up } = withEvidence();
        sender.start();
        await up();
        await clock.advance(life);
        link().listener.closed();
        await clock.advance(500);
        await up();
        await write("line");
        await clock.advance(wait - 50);
        assert.deepEqual(order, [], `${life} ms`);
        await clock.advance(100);
        assert.deepEqual(order, ["line"], `${life} ms`);
      }
    });

    it("is told if it ends before it could count, again and again", async () => {
      const { sender, clock, link, push, order, outages, up } = withEvidence();
      sender.start();
      push("line");
      for (let n = 0; n < 3; n++) {
        await up();
        link().flush();
        await clock.advance(30_000);
        link().listener.closed();
        await clock.advance(1000);
      }
      assert.deepEqual(order, ["line"]);
      assert.ok(outages.length > 0 && outages.every(({ code }) => code === "SERVER_CLOSED"));
      assert.match(outages[0]?.message ?? "", /open for at least a minute/);
    });
  });

  it("is seen on a real connection: what a receiver does not read stays in hand, and is confirmed when it reads", async function () {
    this.timeout(30_000);
    let socket: Socket | undefined;
    let received = 0;
    const server = createServer({ pauseOnConnect: true }, (accepted) => {
      socket = accepted.on("error", () => undefined).on("data", (data) => { received += data.length; });
      accepted.pause();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { sender, push, settled } = testSender({
      clock: systemClock, acknowledgements: tcpTableOfProcess(), transport: tcpTransport({ host: "127.0.0.1", port, clock: systemClock }),
      limits: { events: 1e6, bytes: 1e9, overflow: "refuse" },
    });
    try {
      sender.start();
      push("one", ["small"]);
      await until(() => settled.has("one"), "the receiver's kernel has it");
      // The kernels take 2 MB without a word: today's receiver acknowledges a part of it.
      push("page", Array.from({ length: 250 }, () => "x".repeat(8000)));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.ok(!settled.has("page"));
      assert.ok(Number(sender.figures["unacknowledgedBytes"]) > 500_000);
      socket?.resume();
      await until(() => settled.has("page"), "it was confirmed");
      assert.equal(settled.get("page")?.error, undefined);
      assert.ok(received >= 2_000_000);
    } finally {
      await sender.close(0);
      socket?.destroy();
      server.close();
    }
  });
});
