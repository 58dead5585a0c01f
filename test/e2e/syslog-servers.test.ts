/** The sender with real servers: Debian's rsyslog and syslog-ng. Every received message is compared with the expected one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { systemClock } from "../../src/common/clock";
import type { SiemError } from "../../src/common/errors";
import type { Line } from "../../src/syslog/lines";
import type { Sender } from "../../src/syslog/sender";
import { createSender, readSettings } from "../../src/syslog/settings";
import { makeCertificates, type Certificates } from "../support/certs";
import { resolveNames } from "../support/host-names";
import { startRelay, startRsyslog, type Rsyslog } from "../support/rsyslog";
import { startSyslogNg, type SyslogNg } from "../support/syslog-ng";
import type { Received } from "../support/syslog-server";
import { until } from "../support/until";

const COUNT = 3000;

/** Texts that break a badly framed line. NUL is not among them, because each server replaces it in its own way. */
const HOSTILE = [
  "plain", "pipes | and \\| and = \\=", "back\\slash\\", "größe 漢字 😀 ﷽", "12 34", "<13>Jan  1 00:00:00 evil CEF:0|x", "quote \" ' ` {\"json\": [1]}",
  "tab\tinside", "percent %s %n %00", "\u2028line\u2029separators\u0085", "trailing blank ", "  leading", "control \u0001\u001b[31m\u007f", "x".repeat(7000), "é".repeat(3500), "bom \ufeff",
];

/** `COUNT` different lines with the expected text of each. With LF framing, line feeds inside a line become spaces. */
function makeLines(name: string, breaks: boolean): { line: Line; expected: string }[] {
  return Array.from({ length: COUNT }, (_, n) => {
    const text = `CEF:0|Test|${name}|1|${n}|n|5|msg=${HOSTILE[n % HOSTILE.length] ?? ""}`;
    if (breaks && n % 7 === 0) return { line: `${text}a\nb\r\nc`, expected: `${text}a b  c` };
    return { line: n % 3 === 0 ? Buffer.from(text) : text, expected: text };
  });
}

describe("real syslog servers", function () {
  this.timeout(60_000);
  let certs: Certificates;
  let rsyslog: Rsyslog;
  let syslogNg: SyslogNg;
  before(async () => {
    certs = makeCertificates();
    rsyslog = await startRsyslog(certs);
    syslogNg = await startSyslogNg(certs);
  });
  after(async () => {
    await rsyslog?.server.stop();
    await syslogNg?.server.stop();
    certs.remove();
  });

  const trusting = (): ConnectionOptions => ({ ca: readFileSync(certs.ca.cert), minVersion: "TLSv1.2", rejectUnauthorized: true });
  const clientCertificate = (): ConnectionOptions => ({ cert: readFileSync(certs.client.cert), key: readFileSync(certs.client.key) });

  /** `random` also determines how long the sender waits between attempts. */
  function startSender(properties: Record<string, unknown>, tls: ConnectionOptions = {}, random = Math.random, systemHostname = "gate") {
    const outages: SiemError[] = [];
    const sender = createSender(
      readSettings({ host: "localhost", hostname: "gate", ...properties }),
      { clock: systemClock, random, systemHostname, systemAddresses: ["192.0.2.7"], processId: 7, tls },
      { changed: () => undefined, outage: (error) => outages.push(error) },
    );
    sender.start();
    return { sender, outages };
  }
  const deliver = (sender: Sender, lines: Line[]) => new Promise<void>((resolve, reject) => {
    sender.push(lines, (error) => (error === undefined ? resolve() : reject(error)));
  });

  const cases: {
    name: string;
    server: () => { port: number; server: Rsyslog["server"] };
    properties: Record<string, unknown>;
    tls?: () => ConnectionOptions;
    /** The message that the server parses from a line. */
    message: (line: string) => string;
    breaks?: boolean;
  }[] = [
    // After a header of RFC 3164 both servers parse the line's "CEF:" as the tag.
    { name: "rsyslog-udp", server: () => ({ port: rsyslog.ports.udp, server: rsyslog.server }), properties: { transport: "udp" }, message: (line) => line.slice(4) },
    { name: "rsyslog-tcp-lf", server: () => ({ port: rsyslog.ports.tcp, server: rsyslog.server }), properties: { transport: "tcp" }, message: (line) => line.slice(4), breaks: true },
    { name: "rsyslog-tcp-octet", server: () => ({ port: rsyslog.ports.tcp, server: rsyslog.server }), properties: { transport: "tcp", framing: "octet", header: "rfc5424" }, message: (line) => line },
    { name: "rsyslog-tls", server: () => ({ port: rsyslog.ports.tls, server: rsyslog.server }), properties: { transport: "tls" }, tls: trusting, message: (line) => line.slice(4) },
    { name: "rsyslog-mutual-tls", server: () => ({ port: rsyslog.ports.mutualTls, server: rsyslog.server }), properties: { transport: "tls", header: "rfc5424" }, tls: () => ({ ...trusting(), ...clientCertificate() }), message: (line) => line },
    { name: "rsyslog-relp", server: () => ({ port: rsyslog.ports.relp, server: rsyslog.server }), properties: { transport: "relp" }, message: (line) => line.slice(4) },
    { name: "rsyslog-relp-tls", server: () => ({ port: rsyslog.ports.relpTls, server: rsyslog.server }), properties: { transport: "relp-tls" }, tls: trusting, message: (line) => line.slice(4) },
    { name: "rsyslog-relp-mutual-tls", server: () => ({ port: rsyslog.ports.relpMutualTls, server: rsyslog.server }), properties: { transport: "relp-tls", header: "rfc5424" }, tls: () => ({ ...trusting(), ...clientCertificate() }), message: (line) => line },
    { name: "syslog-ng-network-lf", server: () => ({ port: syslogNg.ports.lf, server: syslogNg.server }), properties: { transport: "tcp" }, message: (line) => line.slice(4), breaks: true },
    { name: "syslog-ng-syslog-octet", server: () => ({ port: syslogNg.ports.octet, server: syslogNg.server }), properties: { transport: "tcp", framing: "octet", header: "rfc5424" }, message: (line) => line },
    { name: "syslog-ng-syslog-tls", server: () => ({ port: syslogNg.ports.tls, server: syslogNg.server }), properties: { transport: "tls", header: "rfc5424" }, tls: trusting, message: (line) => line },
  ];

  for (const { name, server: target, properties, tls, message, breaks = false } of cases) {
    it(`delivers every line unchanged and once: ${name}`, async () => {
      const { port, server } = target();
      const before = server.received().length;
      const { sender, outages } = startSender({ port, ...properties }, tls?.());
      const lines = makeLines(name, breaks);
      for (let at = 0; at < COUNT; at += 1000) await deliver(sender, lines.slice(at, at + 1000).map(({ line }) => line));
      await sender.close(5000);
      const received = (await server.waitFor(before + COUNT)).slice(before);
      assert.deepEqual(outages, []);
      assert.equal(received.length, COUNT);
      received.forEach((got, n) => {
        const { expected } = lines[n] ?? { expected: "" };
        assert.ok(got.raw.endsWith(expected), `${n}: raw ${got.raw.slice(0, 300)}`);
        assert.equal(got.message, message(expected), `${n}: message`);
        assert.equal(got.host, "gate");
        assert.equal(got.pri, "134");
      });
    });
  }

  for (const header of ["rfc3164", "rfc5424", "legacy", "none"]) {
    it(`get every line unchanged from the relay of the recipes: header ${header}`, async () => {
      const relay = await startRelay(rsyslog.ports.tcp);
      try {
        const before = rsyslog.server.received().length;
        const { sender, outages } = startSender({ port: relay.port, transport: "relp", header });
        // CEF lines have no control characters, which a relay would rewrite.
        const lines = makeLines(`relay-${header}`, false).map(({ expected }) => expected).filter((line) => !/\p{Cc}/u.test(line));
        await deliver(sender, lines);
        await sender.close(5000);
        const isOurs = ({ raw }: Received) => raw.includes(`|relay-${header}|`);
        await until(() => rsyslog.server.received().slice(before).filter(isOurs).length >= lines.length, "all arrived", 20_000);
        const received = rsyslog.server.received().slice(before).filter(isOurs).map(({ raw }) => raw);
        const start = { rfc3164: /^<134>[A-Z][a-z]{2} .{11} gate $/, rfc5424: /^<134>1 .{24} gate CEF 7 CEF - $/, legacy: /^[A-Z][a-z]{2} .{11} gate $/, none: /^$/ }[header] ?? /$^/;
        received.forEach((raw, index) => {
          const line = lines[index] ?? "";
          assert.ok(raw.endsWith(line), raw.slice(0, 300));
          assert.match(raw.slice(0, raw.length - line.length), start);
        });
        assert.deepEqual([received.length, outages], [lines.length, []]);
      } finally {
        await relay.server.stop();
      }
    });
  }

  describe("find in the header", () => {
    const servers = [["rsyslog", () => rsyslog.server, () => rsyslog.ports.tcp], ["syslog-ng", () => syslogNg.server, () => syslogNg.ports.lf]] as const;
    for (const [name, server, port] of servers) {
      for (const header of ["rfc3164", "legacy"]) {
        it(`a host name or an address, whatever the machine is called: ${name}, ${header}`, async () => {
          const machines = [["gate", "gate"], ["gate-7.example.com", "gate-7"], ["GATE_1", "GATE_1"], ["東京", "192.0.2.7"], ["Büro-PC", "192.0.2.7"], ["gate-", "192.0.2.7"], ["2001:db8::1", "192.0.2.7"]] as const;
          const before = server().received().length;
          for (const [machine] of machines) {
            const { sender } = startSender({ port: port(), header, hostname: "" }, {}, Math.random, machine);
            await deliver(sender, [`CEF:0|Test|host|1|${machine}|n|5|msg=x`]);
            await sender.close(5000);
          }
          const received = (await server().waitFor(before + machines.length)).slice(before);
          assert.deepEqual(received.map(({ host, message }) => [host, message]), machines.map(([machine, host]) => [host, `0|Test|host|1|${machine}|n|5|msg=x`]));
        });
      }
    }

    it("the time, if both count in UTC: a machine in Denver, rsyslog in UTC", async () => {
      const zone = process.env["TZ"];
      process.env["TZ"] = "UTC";
      const { server, ports } = await startRsyslog(certs);
      process.env["TZ"] = "America/Denver";
      try {
        for (const header of ["rfc3164", "legacy", "rfc5424"]) {
          const { sender } = startSender({ port: ports.tcp, header, timeZone: "UTC" });
          await deliver(sender, [`CEF:0|Test|time|1|1|n|5|msg=${header}`]);
          await sender.close(5000);
        }
        for (const { time, raw } of await server.waitFor(3)) assert.ok(Math.abs(Date.parse(time ?? "") - Date.now()) < 60_000, `${time} of ${raw}`);
      } finally {
        if (zone === undefined) delete process.env["TZ"];
        else process.env["TZ"] = zone;
        await server.stop();
      }
    });
  });

  it("get every datagram, although the first address of their name is another", async () => {
    const forget = resolveNames({ "siem.test": ["::1", "127.0.0.1"] });
    try {
      const before = rsyslog.server.received().length;
      const { sender, outages } = startSender({ host: "siem.test", port: rsyslog.ports.udp, transport: "udp" });
      const lines = Array.from({ length: 8 }, (_, n) => `CEF:0|Test|addresses|1|${n}|n|5|msg=x`);
      for (const line of lines) await deliver(sender, [line]);
      await sender.close(5000);
      const received = (await rsyslog.server.waitFor(before + 8)).slice(before);
      assert.deepEqual(received.map(({ raw }) => raw.slice(raw.indexOf("CEF:"))), lines);
      assert.deepEqual(outages, []);
    } finally {
      forget();
    }
  });

  describe("skip no line behind an empty one", () => {
    const ways: [name: string, server: () => Rsyslog["server"], port: () => number, properties: Record<string, unknown>][] = [
      ["rsyslog over UDP", () => rsyslog.server, () => rsyslog.ports.udp, { transport: "udp" }],
      ["rsyslog over TCP, line feed", () => rsyslog.server, () => rsyslog.ports.tcp, { transport: "tcp", framing: "lf" }],
      ["rsyslog over TCP, octet count", () => rsyslog.server, () => rsyslog.ports.tcp, { transport: "tcp", framing: "octet" }],
      ["rsyslog over TLS", () => rsyslog.server, () => rsyslog.ports.tls, { transport: "tls" }],
      ["rsyslog over RELP", () => rsyslog.server, () => rsyslog.ports.relp, { transport: "relp" }],
      ["syslog-ng over TCP, line feed", () => syslogNg.server, () => syslogNg.ports.lf, { transport: "tcp" }],
      ["syslog-ng over TCP, octet count", () => syslogNg.server, () => syslogNg.ports.octet, { transport: "tcp", framing: "octet" }],
    ];
    for (const [name, server, port, properties] of ways) {
      for (const header of ["none", "rfc3164", "rfc5424", "legacy"]) {
        it(`${name}, header ${header}`, async () => {
          const before = server().received().length;
          const { sender, outages } = startSender({ port: port(), header, ...properties }, trusting());
          const wanted = ["first", "second", "third"].map((word) => `CEF:0|Test|empty|1|${word}|n|5|msg=${name} ${header}`);
          await deliver(sender, ["", wanted[0] ?? "", "\n", Buffer.from("\r\n"), `${wanted[1]}\n`]);
          await deliver(sender, ["\n\n"]);
          await deliver(sender, [wanted[2] ?? "", ""]);
          await sender.close(5000);
          const received = (await server().waitFor(before + 3)).slice(before);
          assert.deepEqual(received.map(({ raw }) => raw.slice(raw.indexOf("CEF:"))), wanted);
          assert.deepEqual(outages, []);
        });
      }
    }
  });

  for (const [transport, port] of [["tls", () => rsyslog.ports.mutualTls], ["relp-tls", () => rsyslog.ports.relpMutualTls]] as const) {
    it(`confirms nothing if the server requires a client certificate and gets none: ${transport}`, async () => {
      const { sender, outages } = startSender({ port: port(), transport }, trusting());
      let delivered = false;
      void deliver(sender, ["CEF:0|must not arrive"]).then(() => { delivered = true; }, () => undefined);
      await until(() => outages.length > 0, "the outage is reported");
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal(delivered, false);
      await sender.close(100);
      assert.ok(!rsyslog.server.received().some(({ raw }) => raw.includes("must not arrive")));
    });
  }

  const ids = (received: Received[]) => new Set(received.map(({ raw }) => /lost-or-not (\S+)$/.exec(raw)?.[1]));

  it("confirms over TCP only lines that a killed rsyslog has received", async () => {
    const { server, ports } = await startRsyslog(certs);
    try {
      const { sender } = startSender({ port: ports.tcp, transport: "tcp" });
      const confirmed: string[] = [];
      let n = 0;
      const timer = setInterval(() => {
        const batch = Array.from({ length: 20 }, () => `${n++}`);
        void deliver(sender, batch.map((id) => `CEF:0|lost-or-not ${id}`)).then(() => confirmed.push(...batch), () => undefined);
      }, 10);
      for (let round = 0; round < 4; round++) {
        await new Promise((resolve) => setTimeout(resolve, 500 + 100 * round));
        await server.kill("SIGKILL");
        await new Promise((resolve) => setTimeout(resolve, 200));
        await server.start();
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      clearInterval(timer);
      for (let wait = 0; wait < 200 && confirmed.length < n; wait++) await new Promise((resolve) => setTimeout(resolve, 100));
      await sender.close(1000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const arrived = ids(server.received());
      assert.equal(confirmed.length, n, "everything was confirmed in the end");
      assert.deepEqual(confirmed.filter((id) => !arrived.has(id)), []);
      assert.ok(sender.counters.reconnects >= 2);
    } finally {
      await server.stop();
    }
  });

  for (const transport of ["tcp", "relp"] as const) {
    it(`delivers everything to a rsyslog that was frozen and then killed: ${transport}`, async () => {
      const { server, ports } = await startRsyslog(certs);
      try {
        const { sender } = startSender({ port: ports[transport], transport });
        const batches: Promise<void>[] = [];
        let n = 0;
        const timer = setInterval(() => batches.push(deliver(sender, Array.from({ length: 10 }, () => `CEF:0|lost-or-not ${n++}`))), 10);
        await new Promise((resolve) => setTimeout(resolve, 500));
        await server.kill("SIGSTOP");
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await server.kill("SIGKILL");
        await server.start();
        await new Promise((resolve) => setTimeout(resolve, 300));
        clearInterval(timer);
        await Promise.all(batches);
        await sender.close(1000);
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.equal(ids(server.received()).size, n);
        assert.ok(sender.counters.resent > 0);
      } finally {
        await server.stop();
      }
    });
  }

  it("continues when a frozen rsyslog wakes up, and keeps its queue bounded until then", async () => {
    const { server, ports } = await startRsyslog(certs);
    try {
      const { sender } = startSender({ port: ports.tcp, transport: "tcp", queueEvents: 20_000 });
      await deliver(sender, ["CEF:0|lost-or-not first"]);
      await server.kill("SIGSTOP");
      const refused: string[] = [];
      const pages: Promise<void>[] = [];
      let taken = 1;
      for (let page = 0; page < 30; page++) {
        pages.push(deliver(sender, Array.from({ length: 1000 }, (_, line) => `CEF:0|${"x".repeat(1000)}lost-or-not ${page}-${line}`))
          .then(() => { taken += 1000; }, (error: SiemError) => { refused.push(error.code); }));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.ok(refused.length > 0 && refused.every((code) => code === "QUEUE_FULL"));
      assert.ok(sender.highWater <= 20_000);
      await server.kill("SIGCONT");
      await Promise.all(pages);
      await sender.close(1000);
      assert.equal(ids(await server.waitFor(taken)).size, taken);
      assert.equal(sender.counters.reconnects, 0);
    } finally {
      await server.stop();
    }
  });

  describe("over RELP", function () {
    this.timeout(180_000);
    /** Sends 20,000 lines in pages of 500 while rsyslog is ended `rounds` times. */
    async function survive(signal: "SIGKILL" | "SIGTERM", transport: "relp" | "relp-tls", rounds: number) {
      const { server, ports } = await startRsyslog(certs);
      try {
        const { sender } = startSender({ port: transport === "relp" ? ports.relp : ports.relpTls, transport }, trusting(), () => 0.1);
        const pages = Array.from({ length: 40 }, (_, page) =>
          deliver(sender, Array.from({ length: 500 }, (_line, line) => `CEF:0|${"x".repeat(300)}lost-or-not ${page * 500 + line}`)));
        for (let round = 1; round <= rounds; round++) {
          const target = (20_000 * round) / (rounds + 1);
          await until(() => sender.counters.delivered >= target, `${target} lines are confirmed`, 60_000);
          await server.kill(signal);
          await server.start();
        }
        await Promise.all(pages);
        await sender.close(5000);
        const received = await server.waitFor(20_000);
        assert.equal(ids(received).size, 20_000, "none is missing");
        assert.ok(sender.counters.reconnects >= rounds);
        assert.ok(received.length - 20_000 <= 128 * rounds, `${received.length - 20_000} lines came twice`);
        assert.equal(sender.counters.undeliverable, 0);
      } finally {
        await server.stop();
      }
    }
    it("loses nothing when rsyslog is killed again and again", () => survive("SIGKILL", "relp", 5));
    it("loses nothing when rsyslog is killed again and again, with TLS", () => survive("SIGKILL", "relp-tls", 3));
    it("loses nothing when rsyslog is restarted again and again", () => survive("SIGTERM", "relp", 5));

    for (const [oversizeMode, length] of [["abort", 2048], ["truncate", 8192]] as const) {
      it(`delivers a line above rsyslog's limit shortened, and all others unchanged: oversizeMode ${oversizeMode}`, async () => {
        const { server, ports } = await startRsyslog(certs, { oversizeMode });
        try {
          const { sender } = startSender({ port: ports.relp, transport: "relp", maxBytes: 65_536 }, {}, () => 0.1);
          const lines = Array.from({ length: 300 }, (_, n) => (n === 150 ? `CEF:0|long ${"x".repeat(20_000)}` : `CEF:0|lost-or-not ${n}`));
          const outcome = await new Promise<{ error: SiemError | undefined; shortened: number; undeliverable: number }>((resolve) => {
            sender.push(lines, (error, { shortened, undeliverable }) => resolve({ error, shortened, undeliverable: undeliverable.length }));
          });
          assert.deepEqual(outcome, { error: undefined, shortened: oversizeMode === "abort" ? 1 : 0, undeliverable: 0 });
          await sender.close(5000);
          const received = await server.waitFor(300);
          assert.equal(ids(received).size, 300, "299 ids, and the long line without one");
          assert.deepEqual(received.filter(({ raw }) => raw.includes("CEF:0|long")).map(({ raw }) => raw.length), [length]);
        } finally {
          await server.stop();
        }
      });
    }
  });
});
