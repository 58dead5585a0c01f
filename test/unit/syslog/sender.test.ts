import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { systemClock } from "../../../src/common/clock";
import { syslogError } from "../../../src/syslog/errors";
import { tcpTransport } from "../../../src/syslog/transport";
import { testSender, turns } from "../../support/syslog-sender";
import { until } from "../../support/until";

const MB = 1024 * 1024;
const reset = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
const badCertificate = () => Object.assign(new Error("self-signed"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });

describe("syslog sender", () => {
  it("delivers only when the lines were handed over and the link stayed sound for the confirm delay", async () => {
    const { sender, clock, link, push, settled, up } = testSender();
    sender.start();
    push("a");
    await up();
    assert.deepEqual(link().lines(), ["a"]);
    await clock.advance(1000);
    assert.equal(settled.size, 0, "not handed over yet");
    link().flush();
    await clock.advance(99);
    assert.equal(settled.size, 0, "handed over, but not long enough");
    await clock.advance(1);
    assert.deepEqual(settled.get("a"), { error: undefined, shortened: 0, undeliverable: [] });
    assert.equal(sender.counters.delivered, 1);
    assert.equal(sender.queued, 0);
  });

  it("settles messages in their order, whatever their size", async () => {
    const { sender, clock, link, push, order, up } = testSender({ chunkBytes: 40 });
    sender.start();
    await up();
    for (const name of ["a", "b", "c"]) push(name, Array.from({ length: 7 }, (_, n) => `${name}${n}`));
    push("d");
    await turns();
    link().flush();
    await clock.advance(100);
    assert.deepEqual(order, ["a", "b", "c", "d"]);
    assert.equal(link().lines().length, 22);
  });

  it("puts many small messages into one write, and a large one into many", async () => {
    const { sender, link, push, up } = testSender({ chunkBytes: 1000 });
    sender.start();
    for (let n = 0; n < 10; n++) push(`small ${n}`);
    await up();
    assert.equal(link().written.length, 1);
    push("page", Array.from({ length: 30 }, (_, n) => String(n).padEnd(90, ".")));
    await turns();
    assert.equal(link().written.length, 4);
    assert.equal(link().lines().length, 40);
    for (const { bytes } of link().written) assert.equal(bytes.at(-1), 10, "whole frames only");
  });

  it("confirms an empty page at once", () => {
    const { push, settled } = testSender();
    push("empty", []);
    assert.equal(settled.get("empty")?.error, undefined);
    assert.ok(settled.has("empty"));
  });

  it("waits for drain when the link has enough", async () => {
    const { sender, link, push, up } = testSender({ accept: false, chunkBytes: 20 });
    sender.start();
    push("page", ["0123456789", "0123456789"]);
    await up();
    assert.equal(link().written.length, 1);
    link().listener.drain();
    await turns();
    assert.equal(link().written.length, 2);
  });

  it("holds at most 16 MiB unconfirmed", async () => {
    const { sender, clock, link, push, up } = testSender({ limits: { events: 1e6, bytes: 1e9, overflow: "refuse" }, maxBytes: MB });
    sender.start();
    push("page", Array.from({ length: 40 }, () => "x".repeat(MB - 100)));
    await up();
    await turns();
    assert.equal(link().written.length, 17);
    link().flush();
    await clock.advance(100);
    await turns();
    assert.ok(link().written.length > 30);
  });

  it("sends everything unconfirmed again over a new link, in order and before anything new", async () => {
    const { sender, clock, links, link, push, order, up } = testSender({ resendWindow: 0 });
    sender.start();
    push("handed over");
    await up();
    link().flush();
    push("written");
    await turns();
    link().listener.closed(reset());
    push("new");
    await clock.advance(500);
    assert.equal(links.length, 2);
    await up();
    assert.deepEqual(link().lines(), ["handed over", "written", "new"]);
    assert.deepEqual(order, []);
    link().flush();
    await clock.advance(100);
    assert.deepEqual(order, ["handed over", "written", "new"]);
    assert.equal(sender.counters.resent, 2);
  });

  it("sends the unconfirmed again even if it is older than the resend window", async () => {
    const { sender, clock, link, push, up } = testSender({ resendWindow: 1000, confirmDelay: 60_000 });
    sender.start();
    push("a");
    await up();
    link().flush();
    await clock.advance(30_000);
    link().listener.closed();
    await clock.advance(500);
    await up();
    assert.deepEqual(link().lines(), ["a"]);
  });

  it("sends again what was confirmed within the resend window, without settling it twice", async () => {
    const { sender, clock, link, push, order, up } = testSender();
    sender.start();
    await up();
    await clock.advance(60_000);
    for (const name of ["old", "young"]) {
      push(name);
      await turns();
      link().flush();
      await clock.advance(3000);
    }
    assert.deepEqual(order, ["old", "young"]);
    link().listener.closed(reset());
    await clock.advance(500);
    await up();
    assert.deepEqual(link().lines(), ["young"], "confirmed 3 s before the loss; the other 6 s");
    link().flush();
    await clock.advance(100);
    assert.equal(sender.counters.delivered, 2);
  });

  it("sends at most 12 MiB of confirmed lines again", async () => {
    const { sender, clock, link, push, up } = testSender({ limits: { events: 1e6, bytes: 1e9, overflow: "refuse" }, maxBytes: MB });
    sender.start();
    await up();
    push("page", Array.from({ length: 16 }, (_, n) => `${n}`.padEnd(MB - 100)));
    await turns();
    link().flush();
    await clock.advance(100);
    await turns();
    link().listener.closed(reset());
    await clock.advance(500);
    await up();
    assert.deepEqual(link().lines().map(Number), [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  it("sends only what was not handed over again over UDP", async () => {
    const { sender, clock, link, push, order, up } = testSender({ stream: false, framing: "datagram", maxFrames: 50 });
    sender.start();
    await up();
    push("page", Array.from({ length: 120 }, (_, n) => `${n}`));
    await turns();
    assert.deepEqual(link().written.map(({ ends }) => ends.length), [50, 50, 20]);
    link().flush();
    await turns();
    assert.deepEqual(order, ["page"], "at once, without a confirm delay");
    link().listener.closed(reset());
    await clock.advance(500);
    await up();
    assert.equal(link().written.length, 0);
  });

  it("ignores callbacks of a lost link", async () => {
    const { sender, clock, links, link, push, settled, up } = testSender();
    sender.start();
    push("a");
    await up();
    link().listener.closed(reset());
    links[0]?.flush();
    links[0]?.listener.drain();
    links[0]?.listener.closed(reset());
    await clock.advance(450);
    assert.equal(settled.size, 0);
    assert.equal(links.length, 1);
  });

  it("ignores callbacks of a lost link while and after a new one is opened", async () => {
    const { sender, clock, links, push, settled, up } = testSender({ stream: false, resendWindow: 0 });
    sender.start();
    push("a");
    await up();
    links[0]?.listener.closed(reset());
    await clock.advance(500);
    links[0]?.listener.ready();
    links[0]?.listener.closed(reset());
    await turns();
    assert.deepEqual([sender.state, links.length, links[1]?.written.length], ["connecting", 2, 0]);
    await up();
    links[0]?.reports[0]?.handedOver(1);
    links[0]?.reports[0]?.refused(syslogError("LINE_REFUSED", {}, { permanent: true }));
    links[0]?.listener.drain();
    assert.deepEqual([settled.size, sender.counters.undeliverable], [0, 0]);
    links[1]?.flush();
    assert.deepEqual(settled.get("a"), { error: undefined, shortened: 0, undeliverable: [] });
  });

  it("waits the confirm delay for each write, counted from its hand-over to the present link", async () => {
    const { sender, clock, link, push, order, up } = testSender({ chunkBytes: 12, resendWindow: 0 });
    sender.start();
    await up();
    for (const name of ["first line", "second line"]) push(name);
    await turns();
    link().flush();
    await clock.advance(50);
    link().listener.closed(reset());
    await clock.advance(500);
    await up();
    link().reports[0]?.handedOver(1);
    await clock.advance(100);
    assert.deepEqual(order, ["first line"], "only the other link has taken the second");
    push("third line");
    await turns();
    link().reports[1]?.handedOver(1);
    await clock.advance(60);
    link().reports[2]?.handedOver(1);
    await clock.advance(40);
    assert.deepEqual(order, ["first line", "second line"]);
    await clock.advance(60);
    assert.deepEqual(order, ["first line", "second line", "third line"]);
  });

  it("confirms nothing when the link was lost while the event loop was busy", async () => {
    const { sender, clock, link, push, settled, up } = testSender();
    sender.start();
    push("a");
    await up();
    link().flush();
    // The timer and the loss are both due; timers run first, but must not win.
    const fired = clock.advance(100);
    link().listener.closed();
    await fired;
    assert.equal(settled.size, 0);
  });

  it("backs off exponentially up to 60 s with full jitter, and begins again after a link that lasted 5 s", async () => {
    const { sender, clock, link, up } = testSender({ random: () => 1 });
    sender.start();
    const delays: number[] = [];
    for (let n = 0; n < 9; n++) {
      link().listener.closed(reset());
      delays.push(clock.pending[0] ?? 0);
      await clock.advance(delays.at(-1) ?? 0);
    }
    assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    await up();
    await clock.advance(4999);
    link().listener.closed(reset());
    assert.equal(clock.pending[0], 60_000, "not stable yet");
    await clock.advance(60_000);
    await up();
    await clock.advance(5000);
    link().listener.closed(reset());
    assert.equal(clock.pending[0], 1000);
  });

  it("spreads the attempts over the whole delay", () => {
    for (const random of [0, 0.25, 0.75]) {
      const { sender, clock, link } = testSender({ random: () => random });
      sender.start();
      link().listener.closed(reset());
      assert.equal(clock.pending[0], random * 1000);
    }
  });

  it("retries slowly when a certificate is refused", () => {
    const { sender, clock, link, outages } = testSender({ random: () => 0 });
    sender.start();
    link().listener.closed(badCertificate());
    assert.equal(clock.pending[0], 30_000);
    assert.equal(outages[0]?.code, "TLS_UNKNOWN_CA");
  });

  it("reports an outage once for each cause", async () => {
    const { sender, clock, link, outages, up } = testSender();
    sender.start();
    for (const cause of [reset(), reset(), badCertificate(), reset(), badCertificate()]) {
      link().listener.closed(cause);
      await clock.advance(60_000);
    }
    assert.deepEqual(outages.map(({ code }) => code), ["CONNECTION_LOST", "TLS_UNKNOWN_CA"]);
    await up();
    await clock.advance(5000);
    link().listener.closed(reset());
    assert.equal(outages.length, 3, "a new outage after a stable link");
  });

  it("does not report that a server closed a stable link, but does when it keeps closing", async () => {
    const { sender, clock, link, outages, up } = testSender();
    sender.start();
    await up();
    await clock.advance(5000);
    link().listener.closed();
    assert.equal(outages.length, 0);
    await clock.advance(1000);
    await up();
    link().listener.closed();
    assert.deepEqual(outages.map(({ code }) => code), ["SERVER_CLOSED"]);
  });

  it("refuses what does not fit and takes more once something was delivered", async () => {
    const { sender, clock, link, push, settled, up } = testSender({ limits: { events: 2, bytes: 1000, overflow: "refuse" } });
    sender.start();
    push("a", ["1", "2"]);
    push("b");
    assert.equal(settled.get("b")?.error?.code, "QUEUE_FULL");
    await up();
    link().flush();
    await clock.advance(100);
    push("c");
    await turns();
    assert.deepEqual(link().lines(), ["1", "2", "c"]);
    assert.equal(sender.counters.refused, 1);
  });

  it("drops the oldest waiting, counts it, and forgets the overload when the queue is empty", async () => {
    const { sender, clock, link, push, settled, up } = testSender({ limits: { events: 2, bytes: 1000, overflow: "drop-oldest" } });
    sender.start();
    for (const name of ["a", "b", "c"]) push(name);
    assert.equal(settled.get("a")?.error?.code, "QUEUE_DROPPED");
    assert.equal(sender.overflowing, 1);
    await up();
    link().flush();
    await clock.advance(100);
    assert.deepEqual(link().lines(), ["b", "c"]);
    assert.equal(sender.counters.dropped, 1);
    assert.equal(sender.overflowing, 0);
  });

  it("counts each shortened line once, even if it is sent again", async () => {
    const { sender, clock, link, push, settled, up } = testSender({ maxBytes: 10 });
    sender.start();
    push("page", ["short", "x".repeat(11), "y".repeat(50)]);
    await up();
    link().listener.closed(reset());
    await clock.advance(500);
    await up();
    link().flush();
    await clock.advance(100);
    assert.equal(settled.get("page")?.shortened, 2);
    assert.equal(sender.counters.shortened, 2);
  });

  it("delivers what is queued when it is closed, says goodbye, and takes nothing more", async () => {
    const { sender, clock, link, push, settled, up } = testSender();
    sender.start();
    await up();
    push("a");
    const closed = sender.close(9000);
    push("late");
    assert.equal(settled.get("late")?.error?.code, "CLOSED");
    await turns();
    link().flush();
    await clock.advance(100);
    await closed;
    assert.equal(settled.get("a")?.error, undefined);
    assert.ok(link().ended && link().destroyed);
    assert.deepEqual(clock.pending, []);
  });

  it("gives up at the deadline and settles the rest as not delivered", async () => {
    const { sender, clock, link, push, settled, up } = testSender({ chunkBytes: 10, accept: false });
    sender.start();
    await up();
    push("in flight", ["123", "456", "789"]);
    push("waiting");
    await turns();
    const closed = sender.close(9000);
    await clock.advance(9000);
    await clock.advance(1000);
    await closed;
    assert.deepEqual([...settled].map(([name, { error }]) => [name, error?.code]), [["in flight", "CLOSED"], ["waiting", "CLOSED"]]);
    assert.ok(link().destroyed);
  });

  it("waits for a connection that is not ready yet when it is closed", async () => {
    const { sender, clock, push, link, settled, up } = testSender();
    sender.start();
    push("a");
    const closed = sender.close(9000);
    await clock.advance(50);
    await up();
    link().flush();
    await clock.advance(100);
    await closed;
    assert.equal(settled.get("a")?.error, undefined);
    assert.ok(link().ended);
  });

  it("writes and confirms nothing more once it says goodbye", async () => {
    const { sender, clock, link, push, settled, up } = testSender({ accept: false, chunkBytes: 10, confirmDelay: 500, hangs: true });
    sender.start();
    await up();
    push("handed over");
    push("waiting");
    await turns();
    const closed = sender.close(1000);
    await clock.advance(900);
    link().flush();
    await clock.advance(100);
    assert.ok(link().ended);
    link().listener.drain();
    await clock.advance(1000);
    await closed;
    assert.deepEqual(link().lines(), ["handed over"]);
    assert.deepEqual([...settled].map(([name, { error }]) => [name, error?.code]), [["handed over", "CLOSED"], ["waiting", "CLOSED"]]);
  });

  it("confirms what a server answers after the goodbye", async () => {
    const { sender, clock, link, push, settled, up } = testSender({ stream: false, hangs: true });
    sender.start();
    await up();
    push("a");
    await turns();
    const closed = sender.close(1000);
    await clock.advance(1500);
    assert.equal(sender.state, "ending");
    link().flush();
    await closed;
    assert.equal(settled.get("a")?.error, undefined);
    assert.deepEqual(clock.pending, []);
  });

  it("does not wait for a server that is down when it is closed", async () => {
    const { sender, clock, link, push, settled } = testSender();
    sender.start();
    push("a");
    link().listener.closed(reset());
    await sender.close(9000);
    assert.equal(settled.get("a")?.error?.code, "CLOSED");
    assert.deepEqual(clock.pending, []);
  });

  it("stops waiting when the link is lost while it closes", async () => {
    const { sender, clock, links, link, push, settled, up } = testSender();
    sender.start();
    await up();
    push("a");
    const closed = sender.close(9000);
    link().listener.closed(reset());
    await closed;
    assert.equal(settled.get("a")?.error?.code, "CLOSED");
    await clock.advance(60_000);
    assert.deepEqual([links.length, link().ended], [1, false]);
  });

  it("writes nothing to a connection that the server ended while the event loop was busy", async () => {
    // A server in another thread: it ends the connection while this thread is busy, and reports what comes after that.
    const flags = new Int32Array(new SharedArrayBuffer(8));
    const server = new Worker(`
      const { parentPort, workerData: flags } = require("node:worker_threads");
      require("node:net").createServer({ allowHalfOpen: true }, (socket) => {
        let ended = false;
        socket.on("error", () => undefined).on("data", (data) => parentPort.postMessage({ line: String(data), ended }));
        const timer = setInterval(() => {
          if (Atomics.load(flags, 0) !== 1) return;
          clearInterval(timer);
          Atomics.store(flags, 0, 2);
          ended = true;
          socket.end(() => setTimeout(() => { Atomics.store(flags, 1, 1); Atomics.notify(flags, 1); }, 50));
        }, 5);
      }).listen(0, "127.0.0.1", function () { parentPort.postMessage({ port: this.address().port }); });
    `, { eval: true, workerData: flags });
    const seen: { line: string; ended: boolean }[] = [];
    const port = await new Promise<number>((resolve) => server.on("message", (message: { port?: number; line: string; ended: boolean }) => {
      if (message.port === undefined) seen.push(message);
      else resolve(message.port);
    }));
    const { sender, push } = testSender({ clock: systemClock, random: () => 0, transport: tcpTransport({ host: "127.0.0.1", port, clock: systemClock }) });
    try {
      sender.start();
      push("a");
      await until(() => seen.length === 1, "the first line is there");
      // After a timer's callback the event loop reads sockets before the sender has its turn.
      await new Promise<void>((resolve) => setTimeout(() => {
        Atomics.store(flags, 0, 1);
        push("b");
        Atomics.wait(flags, 1, 0, 8000);
        resolve();
      }, 0));
      await until(() => seen.some(({ line }) => line.includes("b")), "the second line is there");
      assert.deepEqual(seen.filter(({ ended }) => ended), [], "nothing was written to the connection that was ended");
    } finally {
      await sender.close(0);
      await server.terminate();
    }
  });
});
