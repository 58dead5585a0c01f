/**
 * The way to the SIEM fails while a backlog is delivered: it is cut, flaps or is long, and the other side resets, refuses or
 * forgets. No event may be missing, except what a load balancer acknowledged and threw away.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FarNetwork } from "../support/far-network";
import { startTcpProxy } from "../support/tcp-proxy";
import { judge, type Chaos, type Row, type Scenario, type Verdict } from "./scenario";
import { PAGE, RESEND_WINDOW_MS, Site, YOUNG_MS, type Transport } from "./site";

/** More pages than by default are in flight, so that many lines are on their way when the network fails. */
const MANY = { pageSize: String(PAGE), pagesOut: "20" };
/** So few lines are in flight that a new connection takes them all at once: the kernel then holds 46 kB at first. */
const FEW = { pageSize: "20", pagesOut: "2" };
/** Limits the rate to 400 events/s. */
const SEARCH_MS = 250;
/** After a cut, lines that had arrived before may be written for this long, ms. */
const SETTLING_MS = 1000;
/** After so many seconds without an acknowledgement, the node says so; a few more, because the machine is busy. */
const TOLD_AFTER_S = 10 + 5;
/** A connection of a load balancer without a server lasts so long, ms. */
const HELD_MS = 12_000;

interface Far {
  transport: Transport;
  events?: number;
  roundTripMs?: number;
  ipv6?: boolean;
  query?: Record<string, string>;
}

async function far({ transport, events = 6000, roundTripMs = 0, ipv6 = false, query = MANY }: Far, play: (site: Site, network: FarNetwork, closing: (() => Promise<void>)[]) => Promise<Verdict>): Promise<Omit<Row, "scenario">> {
  const network = await FarNetwork.make({ roundTripMs, ipv6 });
  const site = await Site.open({ transport, events, network, searchMs: SEARCH_MS, query });
  const closing = [() => site.close()];
  try {
    const verdict = await play(site, network, closing);
    // A new event arrives after the whole backlog. Waiting for missing events as well would only delay the verdict.
    await site.finish({ mayLose: true });
    return judge(site, verdict);
  } finally {
    for (const close of closing) await close();
    network.remove();
  }
}

/** Waits, and reads what arrives meanwhile, so that the site knows when it did. */
const wait = (site: Site, ms: number) => {
  const end = Date.now() + ms;
  return site.until(() => Date.now() >= end, "the time is over", ms + 1000);
};

const firstPages = (site: Site) => site.until(() => site.oracle.arrived >= PAGE * 3, "the first pages arrived");

interface Cut {
  transport: Transport;
  seconds: number;
  /** What happens to the server while the way is cut. */
  server?: "killed" | "resets";
  /** Node-RED is stopped in order while the way is cut, and started when the way is there again. */
  stopped?: boolean;
  /** Where it is cut (far); `near` is Node-RED's own interface. */
  end?: "near" | "far";
  ipv6?: boolean;
}

/** The way is cut, and nobody says so. Meanwhile the server may be killed and started again, or reset its connections. */
const cut = ({ transport, seconds, server, stopped = false, end = "far", ipv6 = false }: Cut) => ({ say }: Chaos) => far({ transport, ipv6 }, async (site, network) => {
  await site.startNodeRed();
  await firstPages(site);
  network.down(end);
  const cutAt = Date.now();
  await sleep(SETTLING_MS);
  site.readOutput();
  const before = site.oracle.lines;
  await sleep(seconds * 750);
  const told = seconds * 0.75 < TOLD_AFTER_S || site.statuses.includes("yellow SIEM does not answer");
  let resets = 1;
  if (server === "killed") {
    await site.rsyslog.server.kill("SIGKILL");
    await site.rsyslog.server.start();
  }
  if (server === "resets") resets = network.reset(site.receiverPort);
  if (stopped) await site.stopNodeRed();
  await sleep(Math.max(0, cutAt + seconds * 1000 - Date.now()));
  site.readOutput();
  const silent = site.oracle.lines === before;
  const hadBacklog = site.hasBacklog;
  say(`up again; ${site.oracle.missing} to come`);
  // A cut that is short and without further faults costs no connection, and nothing may arrive twice.
  if (server !== undefined || stopped || seconds > 60) {
    site.allowLostConnection(cutAt);
    // The server took them and could not acknowledge them, or the replaced connection still brings them.
    site.bound += site.inFlight;
  }
  network.up();
  if (stopped) await site.startNodeRed();
  const upAt = Date.now();
  await site.waitForEvent();
  return {
    faults: `cut for ${seconds} s${end === "near" ? " at the own interface" : ""}${ipv6 ? ", IPv6" : ""}${server === undefined ? "" : `, server ${server}`}${stopped ? ", Node-RED stopped" : ""}`,
    note: `on again after ${((Date.now() - upAt) / 1000).toFixed(0)} s`,
    rules: {
      "lines arrived over a cut way": silent,
      "the backlog ended before the fault did": hadBacklog,
      "the server had no connection to reset": resets > 0,
      "the status did not show that the SIEM does not answer": told,
    },
  };
});

/** The way is cut for 300 ms of every second. */
const flap = ({ transport, seconds }: { transport: Transport; seconds: number }) => (_: Chaos) => far({ transport, events: 20_000 }, async (site, network) => {
  await site.startNodeRed();
  await firstPages(site);
  for (let second = 0; second < seconds; second++) {
    network.down();
    await sleep(300);
    network.up();
    await sleep(700);
  }
  return { faults: `${seconds} cuts of 300 ms`, rules: { "the backlog ended before the fault did": site.hasBacklog } };
});

interface Refusal {
  transport: Transport;
  /** What the server does with each connection. */
  server: "closes" | "refuses the certificate";
  /** How Node-RED ends before the server is mended. */
  end: "killed" | "stopped";
  seconds: number;
  roundTripMs?: number;
}

/**
 * The server ends each connection at once, and the way is so long that the client learns it late. The first pages wait before
 * the server is there, so each connection has something to lose. Node-RED ends before the server is mended.
 */
const refusal = ({ transport, server, end, seconds, roundTripMs = 400 }: Refusal) => ({ say }: Chaos) => far({ transport, roundTripMs, events: 1500, query: FEW }, async (site, network) => {
  const closes = server === "closes";
  const { certs, rsyslog } = site;
  await rsyslog.server.kill("SIGTERM");
  if (!closes) {
    site.change("trust", { cert: certs.otherClient.cert, key: certs.otherClient.key });
    site.change("syslog-chaos", { port: String(rsyslog.ports.mutualTls) });
  }
  await site.startNodeRed();
  await site.until(() => site.pagesRead >= 2, "the first pages wait");
  const balancer = closes ? await network.startBalancer(site.receiverPort, 0) : undefined;
  if (!closes) await rsyslog.server.start();
  await sleep(seconds * 1000);
  const seen = site.statuses.at(-1) ?? "";
  say(`the status is "${seen}"`);
  site.readOutput();
  const before = site.oracle.lines;
  if (end === "killed") await site.killNodeRed();
  else await site.stopNodeRed();
  await balancer?.stop();
  if (!closes) {
    await rsyslog.server.kill("SIGTERM");
    appendFileSync(certs.ca.cert, certs.read(certs.otherCa.cert));
  }
  await rsyslog.server.start();
  await site.startNodeRed();
  return { faults: `${roundTripMs} ms, server ${server}, Node-RED ${end}`, note: seen, rules: { "lines arrived at a server that refuses": before === 0, "the status is not red": seen.startsWith("red ") } };
});

/** Instead of the server, a load balancer without one is there for some time. */
const balancer = ({ transport, seconds }: { transport: Transport; seconds: number }) => ({ say }: Chaos) => far({ transport }, async (site, network) => {
  await site.startNodeRed();
  await firstPages(site);
  await site.killReceiver("SIGTERM");
  const held = await network.startBalancer(site.receiverPort, HELD_MS);
  await sleep(seconds * 1000);
  site.readOutput();
  const hadBacklog = site.hasBacklog;
  say(`the server is back; ${site.oracle.missing} to come`);
  await held.stop();
  await site.rsyslog.server.start();
  return { faults: `balancer without a server for ${seconds} s`, rules: { "the backlog ended before the fault did": hadBacklog } };
});

/**
 * A load balancer loses its server when the connection is old. Of an old connection the sender gives back the resend window
 * only, so the rest of what the balancer threw away is missing. The next connections are young, and nothing is lost with them.
 */
const oldBalancer = ({ transport, mayMiss }: { transport: Transport; mayMiss: number }) => ({ say }: Chaos) => far({ transport, events: 35_000 }, async (site, network, closing) => {
  const proxy = await startTcpProxy(site.receiverPort, network.address);
  closing.push(() => proxy.close());
  site.change("syslog-chaos", { host: "127.0.0.1", port: String(proxy.port) });
  await site.startNodeRed();
  await firstPages(site);
  await wait(site, YOUNG_MS + 2000);
  site.allowLostConnection();
  proxy.holdMs = HELD_MS;
  await sleep(3.5 * HELD_MS);
  site.readOutput();
  const hadBacklog = site.hasBacklog;
  say(`the server is back; ${site.oracle.missing} to come`);
  proxy.holdMs = undefined;
  return { faults: `balancer that lost its server for ${3.5 * HELD_MS / 1000} s, connection old`, mayMiss, rules: { "the backlog ended before the fault did": hadBacklog } };
});

const scenario = (name: string, run: Scenario["run"]): Scenario => ({ name: `networks/${name}`, run });
const overAll = (transports: readonly Transport[], of: (transport: Transport) => Scenario) => transports.map(of);
const ALL: readonly Transport[] = ["tcp", "tls", "relp"];

export const longNetworks: readonly Scenario[] = [
  ...[3, 20, 70].flatMap((seconds) => overAll(ALL, (transport) => scenario(`cut-${seconds}-${transport}`, cut({ transport, seconds })))),
  ...overAll(ALL, (transport) => scenario(`cut-killed-${transport}`, cut({ transport, seconds: 40, server: "killed" }))),
  ...overAll(ALL, (transport) => scenario(`cut-resets-${transport}`, cut({ transport, seconds: 40, server: "resets" }))),
  ...overAll(ALL, (transport) => scenario(`cut-stopped-${transport}`, cut({ transport, seconds: 40, server: "killed", stopped: true }))),
  ...overAll(ALL, (transport) => scenario(`cut-near-${transport}`, cut({ transport, seconds: 40, server: "killed", end: "near" }))),
  ...overAll(["tcp", "tls"], (transport) => scenario(`cut-ipv6-${transport}`, cut({ transport, seconds: 40, server: "killed", ipv6: true }))),
  ...overAll(ALL, (transport) => scenario(`flap-${transport}`, flap({ transport, seconds: 40 }))),
  ...overAll(["tcp", "relp"], (transport) => scenario(`closes-killed-${transport}`, refusal({ transport, server: "closes", end: "killed", seconds: 30 }))),
  ...overAll(["tcp", "relp"], (transport) => scenario(`closes-stopped-${transport}`, refusal({ transport, server: "closes", end: "stopped", seconds: 30 }))),
  scenario("certificate-killed-tls", refusal({ transport: "tls", server: "refuses the certificate", end: "killed", seconds: 30 })),
  scenario("certificate-stopped-tls", refusal({ transport: "tls", server: "refuses the certificate", end: "stopped", seconds: 30 })),
  ...overAll(["tcp", "relp"], (transport) => scenario(`balancer-${transport}`, balancer({ transport, seconds: 60 }))),
  ...overAll(["tcp", "tls"], (transport) => scenario(`balancer-old-${transport}`, oldBalancer({ transport, mayMiss: (HELD_MS - RESEND_WINDOW_MS + 1000) / SEARCH_MS * PAGE }))),
  scenario("balancer-old-relp", oldBalancer({ transport: "relp", mayMiss: 0 })),
];

export const shortNetworks: readonly Scenario[] = [
  scenario("cut-20-tls", cut({ transport: "tls", seconds: 20 })),
  scenario("cut-70-tcp", cut({ transport: "tcp", seconds: 70 })),
  scenario("cut-killed-tcp", cut({ transport: "tcp", seconds: 16, server: "killed" })),
  scenario("cut-resets-tls", cut({ transport: "tls", seconds: 16, server: "resets", ipv6: true })),
  scenario("flap-relp", flap({ transport: "relp", seconds: 15 })),
  scenario("closes-killed-tcp", refusal({ transport: "tcp", server: "closes", end: "killed", seconds: 15 })),
  scenario("certificate-stopped-tls", refusal({ transport: "tls", server: "refuses the certificate", end: "stopped", seconds: 15 })),
  scenario("balancer-tcp", balancer({ transport: "tcp", seconds: 30 })),
];
