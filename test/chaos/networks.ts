/**
 * The way to the SIEM fails while a backlog is delivered: it is cut, flaps or is long, and the other side resets, refuses or
 * forgets. No event may be missing, except what a load balancer acknowledged and threw away.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FarNetwork } from "../support/far-network";
import { judge, type Chaos, type Row, type Scenario, type Verdict } from "./scenario";
import { PAGE, Site, type Transport } from "./site";

/** More pages than by default are in flight, so that many lines are on their way when the network fails. */
const MANY = { pageSize: String(PAGE), pagesOut: "20" };
/** So few lines are in flight that a new connection takes them all at once: the kernel then holds 46 kB at first. */
const FEW = { pageSize: "20", pagesOut: "2" };
/** Limits the rate to 400 events/s. */
const SEARCH_MS = 250;
/** After a cut, lines that had arrived before may be written for this long, ms. */
const SETTLING_MS = 1000;
/** A connection of a load balancer without a server lasts so long, ms. */
const HELD_MS = 12_000;

interface Far {
  transport: Transport;
  events?: number;
  roundTripMs?: number;
  query?: Record<string, string>;
}

async function far({ transport, events = 6000, roundTripMs = 0, query = MANY }: Far, play: (site: Site, network: FarNetwork) => Promise<Verdict>): Promise<Omit<Row, "scenario">> {
  const network = await FarNetwork.make({ roundTripMs });
  const site = await Site.open({ transport, events, network, searchMs: SEARCH_MS, query });
  try {
    const verdict = await play(site, network);
    // A new event arrives after the whole backlog. Waiting for missing events as well would only delay the verdict.
    await site.finish({ mayLose: true });
    return judge(site, verdict);
  } finally {
    await site.close();
    network.remove();
  }
}

const firstPages = (site: Site) => site.until(() => site.oracle.arrived >= PAGE * 3, "the first pages arrived");

interface Cut {
  transport: Transport;
  seconds: number;
  /** What happens to the server while the way is cut. */
  server?: "killed" | "resets";
}

/** The way is cut, without a word to either side. Meanwhile the server may be killed and started again, or reset its connections. */
const cut = ({ transport, seconds, server }: Cut) => ({ say }: Chaos) => far({ transport }, async (site, network) => {
  await site.startNodeRed();
  await firstPages(site);
  network.down();
  const cutAt = Date.now();
  await sleep(SETTLING_MS);
  site.readOutput();
  const before = site.oracle.lines;
  await sleep(seconds * 500);
  let resets = 1;
  if (server === "killed") {
    await site.rsyslog.server.kill("SIGKILL");
    await site.rsyslog.server.start();
  }
  if (server === "resets") resets = network.reset(site.receiverPort);
  await sleep(Math.max(0, cutAt + seconds * 1000 - Date.now()));
  site.readOutput();
  const silent = site.oracle.lines === before;
  const hadBacklog = site.hasBacklog;
  say(`up again; ${site.oracle.missing} to come`);
  if (server !== undefined || seconds > 60) {
    site.allowLostConnection(cutAt);
    // What the server took and could not acknowledge.
    site.bound += site.inFlight;
  }
  network.up();
  const upAt = Date.now();
  await site.waitForEvent();
  return {
    faults: `cut for ${seconds} s${server === undefined ? "" : `, server ${server}`}`,
    note: `on again after ${((Date.now() - upAt) / 1000).toFixed(0)} s`,
    rules: { "lines arrived over a cut way": silent, "the backlog ended before the fault did": hadBacklog, "the server had no connection to reset": resets > 0 },
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

/** The server ends each connection at once, and the way is so long that the client learns it late. Node-RED ends before the server is mended. */
const refusal = ({ transport, server, end, seconds, roundTripMs = 400 }: Refusal) => ({ say }: Chaos) => far({ transport, roundTripMs, events: 1500, query: FEW }, async (site, network) => {
  const closes = server === "closes";
  const { certs, rsyslog } = site;
  if (closes) await rsyslog.server.kill("SIGTERM");
  else {
    site.change("trust", { cert: certs.otherClient.cert, key: certs.otherClient.key });
    site.change("syslog-chaos", { port: String(rsyslog.ports.mutualTls) });
  }
  const balancer = closes ? await network.startBalancer(site.receiverPort, 0) : undefined;
  await site.startNodeRed();
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
  return { faults: `${roundTripMs} ms, server ${server}, Node-RED ${end}`, note: `${seen}`, rules: { "lines arrived at a server that refuses": before === 0 } };
});

/** Behind the load balancer there is no server for some time: it accepts connections, takes what they bring, and closes them. */
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

const scenario = (name: string, run: Scenario["run"]): Scenario => ({ name: `networks/${name}`, run });
const overAll = (transports: readonly Transport[], of: (transport: Transport) => Scenario) => transports.map(of);
const ALL: readonly Transport[] = ["tcp", "tls", "relp"];

export const longNetworks: readonly Scenario[] = [
  ...[3, 20, 70].flatMap((seconds) => overAll(ALL, (transport) => scenario(`cut-${seconds}-${transport}`, cut({ transport, seconds })))),
  ...overAll(ALL, (transport) => scenario(`cut-killed-${transport}`, cut({ transport, seconds: 40, server: "killed" }))),
  ...overAll(ALL, (transport) => scenario(`cut-resets-${transport}`, cut({ transport, seconds: 40, server: "resets" }))),
  ...overAll(ALL, (transport) => scenario(`flap-${transport}`, flap({ transport, seconds: 40 }))),
  ...overAll(["tcp", "relp"], (transport) => scenario(`closes-killed-${transport}`, refusal({ transport, server: "closes", end: "killed", seconds: 30 }))),
  ...overAll(["tcp", "relp"], (transport) => scenario(`closes-stopped-${transport}`, refusal({ transport, server: "closes", end: "stopped", seconds: 30 }))),
  scenario("certificate-killed-tls", refusal({ transport: "tls", server: "refuses the certificate", end: "killed", seconds: 30 })),
  scenario("certificate-stopped-tls", refusal({ transport: "tls", server: "refuses the certificate", end: "stopped", seconds: 30 })),
  ...overAll(["tcp", "relp"], (transport) => scenario(`balancer-${transport}`, balancer({ transport, seconds: 60 }))),
];

export const shortNetworks: readonly Scenario[] = [
  scenario("cut-20-tls", cut({ transport: "tls", seconds: 20 })),
  scenario("cut-70-tcp", cut({ transport: "tcp", seconds: 70 })),
  scenario("cut-killed-tcp", cut({ transport: "tcp", seconds: 25, server: "killed" })),
  scenario("cut-resets-tls", cut({ transport: "tls", seconds: 25, server: "resets" })),
  scenario("flap-relp", flap({ transport: "relp", seconds: 15 })),
  scenario("closes-killed-tcp", refusal({ transport: "tcp", server: "closes", end: "killed", seconds: 15 })),
  scenario("certificate-stopped-tls", refusal({ transport: "tls", server: "refuses the certificate", end: "stopped", seconds: 15 })),
  scenario("balancer-tcp", balancer({ transport: "tcp", seconds: 30 })),
];
