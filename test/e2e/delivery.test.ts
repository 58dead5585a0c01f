/** The installed package in a real Node-RED delivers every event to real syslog servers, byte by byte. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileFormatter } from "../../src/cef/encoder";
import { code42FileEventV2 } from "../../src/cef/mappings/code42-file-event-v2";
import { makeFileEvent, type FileEvent } from "../../src/simulator/events";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { makeCertificates } from "../support/certs";
import { mainJob, tlsConfig, type Route } from "../support/flows";
import { durableStore, startNodeRed } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { startRsyslog } from "../support/rsyslog";
import { startSyslogNg } from "../support/syslog-ng";
import type { SyslogServer } from "../support/syslog-server";

const EVENTS = 1500;

/** File events. Every tenth has text that tries to break out of its field or its frame. */
function hostileEvents(): FileEvent[] {
  const start = Date.now() - 3_600_000;
  const texts = ["two\nlines", "CR\r\nLF", "<134>Jan  1 00:00:00 forged CEF:0|a|b|c|d|e|5|", "pipe | = \\ suser=forged", "123 octets", "tab\tand\u2028line", "\u0000nul", "ünïcödé 🗎", "x".repeat(5000)];
  return Array.from({ length: EVENTS }, (_, index) => {
    const event = makeFileEvent(index, { seed: 3, insertedUs: (start + index * 20) * 1000 });
    if (index % 10 !== 0) return event;
    return { ...event, file: { ...(event["file"] as object), name: texts[(index / 10) % texts.length] } };
  });
}

describe("the package in Node-RED delivers to", () => {
  it("rsyslog over UDP, TCP/LF, TCP/octet, TLS, mutual TLS, RELP and RELP over TLS, and to syslog-ng over TCP and TLS, every event once and unchanged", async function () {
    this.timeout(180_000);
    const folder = mkdtempSync(join(tmpdir(), "siem-e2e-"));
    const certs = makeCertificates();
    const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000 });
    const events = hostileEvents();
    tenant.add(events);
    // One server for each route, so that each output file holds the messages of one route only.
    const rsyslog = () => startRsyslog(certs);
    const [udp, tcp, octet, tls, mutual] = [await rsyslog(), await rsyslog(), await rsyslog(), await rsyslog(), await rsyslog()];
    const [relp, relpTls] = [await rsyslog(), await rsyslog()];
    const [ngTls, ngLines] = [await startSyslogNg(certs), await startSyslogNg(certs)];
    const local = { host: "127.0.0.1" };
    const routes: (Route & { server: SyslogServer })[] = [
      { name: "udp", server: udp.server, syslog: { ...local, port: udp.ports.udp, transport: "udp" } },
      { name: "tcp", server: tcp.server, syslog: { ...local, port: tcp.ports.tcp, transport: "tcp" } },
      { name: "octet", server: octet.server, syslog: { ...local, port: octet.ports.tcp, transport: "tcp", framing: "octet", header: "rfc5424" } },
      { name: "tls", server: tls.server, syslog: { ...local, port: tls.ports.tls, transport: "tls", tls: "trust" } },
      { name: "mutual", server: mutual.server, syslog: { ...local, port: mutual.ports.mutualTls, transport: "tls", tls: "client", header: "legacy" } },
      { name: "relp", server: relp.server, syslog: { ...local, port: relp.ports.relp, transport: "relp" } },
      { name: "relptls", server: relpTls.server, syslog: { ...local, port: relpTls.ports.relpTls, transport: "relp-tls", tls: "trust", header: "rfc5424" } },
      { name: "ngtls", server: ngTls.server, syslog: { ...local, port: ngTls.ports.tls, transport: "tls", tls: "trust", header: "rfc5424" } },
      { name: "nglines", server: ngLines.server, syslog: { ...local, port: ngLines.ports.lf, transport: "tcp" } },
    ];
    const flows = mainJob(tenant, routes, [
      tlsConfig("trust", { ca: certs.ca.cert }),
      tlsConfig("client", { ca: certs.ca.cert, cert: certs.client.cert, key: certs.client.key }),
    ]);
    let nodeRed;
    try {
      nodeRed = await startNodeRed({ userDir: join(folder, "user"), modules: packedPackage().modules, contextStorage: durableStore, flows });
      const formatter = compileFormatter(code42FileEventV2);
      const expected = events.map((event) => formatter.format(event)).sort();
      for (const { name, server } of routes) {
        const received = await server.waitFor(EVENTS, 30_000);
        assert.deepEqual(received.map(({ raw }) => raw.slice(Math.max(0, raw.indexOf("CEF:0|")))).sort(), expected, name);
      }
      assert.doesNotMatch(nodeRed.log(), /\[error\]/);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${nodeRed?.log() ?? ""}`, { cause: error });
    } finally {
      await nodeRed?.stop();
      for (const { server } of routes) await server.stop();
      await tenant.close();
      certs.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
