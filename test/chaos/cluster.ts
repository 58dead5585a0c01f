/** Several Node-REDs share the work through NATS, and one of them, the server, the stream or the way between fails. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { deflateSync } from "node:zlib";
import { jetstream } from "@nats-io/jetstream";
import { credsAuthenticator, headers } from "@nats-io/transport-node";
import { makeAuthority } from "../../src/simulator/certificates";
import { startDxlBroker } from "../../src/simulator/dxl-broker";
import { indexOfAgent, makeThreatEvent } from "../../src/simulator/threat-events";
import { makeCertificates } from "../support/certs";
import { tlsConfig } from "../support/flows";
import { makeAccounts } from "../support/nats-accounts";
import { Cluster, LEASE_S, PAGE, PAGES_OUT, STREAM, type ClusterOptions } from "./cluster-site";
import { judge, type Chaos, type Row, type Scenario, type Verdict } from "./scenario";

const SUBJECT = "security.events.siem";
/** How long an instance may be cut off, ms: longer than every scenario needs. */
const HELD_MS = 30_000;
/** After SIGTERM, Node-RED closes the node, the lease is free, and the standby looks every half second. */
const HAND_OVER_MS = 1500;
/** For this long nothing may be searched. */
const SILENCE_MS = 3000;
/** In addition to the pages in flight, one page waits to be sent and one is being requested. */
const READ_AHEAD = 2;
const FULL = "yellow stream full";

interface Outcome extends Verdict {
  /** Messages that stay in the stream (0). */
  left?: number | "any" | undefined;
  /** What arrived, if the SIEM did not count the events of the tenant. */
  tally?: { offered: number; times: ReadonlyMap<unknown, number> };
}

const on = (options: ClusterOptions, play: (cluster: Cluster, chaos: Chaos) => Promise<Outcome>) => async (chaos: Chaos): Promise<Omit<Row, "scenario">> => {
  const cluster = await Cluster.open(options);
  try {
    const { left, tally, ...verdict } = await play(cluster, chaos);
    await cluster.finish(left);
    const arrived = [...tally?.times.values() ?? []];
    const oracle = tally === undefined ? cluster.oracle : {
      missing: tally.offered - arrived.length, duplicates: arrived.reduce((sum, times) => sum + times - 1, 0), wrong: [], freshArrived: true,
    };
    const judged = { oracle, bound: cluster.bound, problems: cluster.problems, options: { transport: options.stream === false ? "cursor" : "stream", events: tally?.offered ?? options.events } };
    return judge(judged, { ...verdict, note: [cluster.note, verdict.note].filter((note) => note !== undefined).join(", "), rules: { ...cluster.rules, ...verdict.rules } });
  } finally {
    await cluster.close();
  }
};

interface Kills extends ClusterOptions {
  /** Number of times that the active instance gets SIGKILL. */
  times: number;
  /** Number of times that nats-server gets SIGKILL. */
  server?: number;
  left?: "any";
  /** What each instance must say. */
  says?: string;
}

const kills = ({ times, server = 0, left = undefined, says = "", ...options }: Kills) => on(options, async (cluster, { random, say }) => {
  let hit = 0;
  for (let time = 0; time < times; time++) {
    await cluster.waitForEvent();
    await sleep(random() * 1000);
    if (cluster.hasBacklog) hit += 1;
    const active = await cluster.active();
    const since = Date.now();
    await active.signal("SIGKILL");
    cluster.allowDead();
    await cluster.takenOver(active, since);
    say(`${active.name} killed, ${cluster.note}; ${cluster.oracle.missing} to come, ${cluster.oracle.duplicates} duplicates`);
    const started = active.start();
    if (time < server) await killServer(cluster, random() * 1000);
    await started;
  }
  return {
    faults: `active instance SIGKILL ${times}, NATS SIGKILL ${server}`, left,
    rules: { "the backlog ended before the last fault": hit === times, [`not every instance says ${says}`]: cluster.instances.every(({ log }) => log.includes(says)) },
  };
});

async function killServer(cluster: Cluster, downMs: number, server = cluster.nats): Promise<void> {
  await cluster.waitForEvent();
  await server.kill("SIGKILL");
  cluster.allowLostServer();
  await sleep(downMs);
  await server.start();
}

/** The active instance is stopped with SIGSTOP until long after its lease, and then goes on. */
const frozen = ({ times, ...options }: ClusterOptions & { times: number }) => on(options, async (cluster, { random, say }) => {
  for (let time = 0; time < times; time++) {
    await cluster.waitForEvent();
    await sleep(random() * 1000);
    const active = await cluster.active();
    const since = Date.now();
    await active.signal("SIGSTOP");
    cluster.allowDead();
    await cluster.takenOver(active, since);
    await sleep(random() * LEASE_S * 1000);
    await active.signal("SIGCONT");
    await cluster.until(() => active.statuses.get("query-chaos")?.startsWith("grey standby") === true, "the woken instance is on standby");
    say(`${active.name} frozen, ${cluster.note}; ${cluster.oracle.missing} to come, ${cluster.oracle.duplicates} duplicates`);
  }
  return { faults: `active instance SIGSTOP past its lease ${times}` };
});

const orderly = ({ times, ...options }: ClusterOptions & { times: number }) => on(options, async (cluster) => {
  for (let time = 0; time < times; time++) {
    await cluster.waitForEvent();
    const active = await cluster.active();
    const since = Date.now();
    const ended = active.signal("SIGTERM");
    await cluster.takenOver(active, since);
    await ended;
    await active.start();
  }
  const slowest = Math.max(...cluster.takeOvers.map(({ ms, lateMs }) => ms - lateMs));
  return { faults: `active instance SIGTERM ${times}`, rules: { [`a hand-over took ${slowest} ms`]: slowest <= HAND_OVER_MS } };
});

/** Nothing that the active instance sends reaches NATS any more; the tenant and the SIEM still answer it. */
const isolated = (options: ClusterOptions) => on(options, async (cluster) => {
  await cluster.waitForEvent();
  const active = await cluster.active();
  const since = Date.now();
  active.isolate(HELD_MS);
  await cluster.takenOver(active, since);
  const lapsedMs = Math.max(...cluster.searches.filter(({ by }) => by === active).map(({ at }) => at)) - since;
  await sleep(LEASE_S * 1000);
  active.connect();
  await cluster.until(() => active.statuses.get("query-chaos")?.startsWith("grey standby") === true, "the isolated instance is on standby");
  cluster.allowDead();
  // The other instance reads the pages that this one had in flight, and may cut them elsewhere.
  if (options.stream !== false) cluster.bound += PAGE * PAGES_OUT;
  return { faults: "active instance isolated from NATS", note: `searched for ${(lapsedMs / 1000).toFixed(1)} s more`, rules: { "it searched after its lease": lapsedMs <= LEASE_S * 1000 } };
});

/** NATS is away. Nobody takes over, because the standby counts only time in which it could look. */
const natsDown = ({ seconds, signal, ...options }: ClusterOptions & { seconds: number; signal: "SIGKILL" | "SIGSTOP" }) => on(options, async (cluster) => {
  await cluster.waitForEvent();
  await cluster.nats.kill(signal);
  cluster.allowLostServer();
  await sleep(seconds * 1000);
  const hadBacklog = cluster.hasBacklog;
  const since = Date.now();
  if (signal === "SIGKILL") await cluster.nats.start();
  else await cluster.nats.kill("SIGCONT");
  await cluster.until(() => cluster.searches.some(({ at }) => at > since), "somebody searches again");
  return { faults: `NATS ${signal} for ${seconds} s`, rules: { "the backlog ended before the fault did": hadBacklog } };
});

/** The SIEM is away until the stream is full. Then nothing is searched, also after a deploy. */
const full = (options: ClusterOptions) => on({
  ...options, siem: false, searchMs: 50,
  // 20 lines are too few to be deflated, so the smallest stream is soon full.
  change: { nats: { streamBytes: String(2 ** 20) }, out: { eventsPerMessage: "20" } },
}, async (cluster) => {
  const searchesWhileFull = async () => {
    await cluster.until(() => cluster.instances.some(({ statuses }) => statuses.get("out") === FULL), "the stream is full");
    // What may be in flight is read.
    await sleep(SILENCE_MS / 2);
    const before = cluster.searches.length;
    await sleep(SILENCE_MS);
    return cluster.searches.length - before;
  };
  const first = await searchesWhileFull();
  const before = cluster.searches.length;
  for (const { nodeRed, statuses } of cluster.instances) {
    cluster.takeOversAllowed += 1;
    statuses.clear();
    await nodeRed?.deploy(cluster.flows.map(({ credentials: _, ...node }) => node as typeof node & { id: string; type: string }));
  }
  const second = await searchesWhileFull();
  const afterDeploys = cluster.searches.length - before;
  const most = cluster.instances.length * (PAGES_OUT + READ_AHEAD);
  await cluster.startSiem();
  return {
    faults: "stream full, SIEM away, deploy",
    rules: { [`${first} and ${second} searches while the stream was full`]: first + second === 0, [`${afterDeploys} searches after the deploys, ${most} may be`]: afterDeploys <= most },
  };
});

/** Both instances subscribe to a DXL fabric; the stream refuses the second copy. */
const dxl = ({ times, events, ...options }: ClusterOptions & { times: number }) => async (chaos: Chaos) => {
  const folder = mkdtempSync(join(tmpdir(), "siem-cluster-dxl-"));
  const authority = makeAuthority("fabric");
  const broker = await startDxlBroker({ tls: { ...authority.issue("broker"), ca: authority.cert } });
  const client = authority.issue("node-red");
  const files = {
    "ca.pem": authority.cert, "client.pem": client.cert, "client.key": client.key,
    "dxlclient.config": `[Certs]\nBrokerCertChain=ca.pem\nCertFile=client.pem\nPrivateKey=client.key\n\n[Brokers]\nbroker=broker;${broker.port};127.0.0.1\n`,
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const arrived = new Map<unknown, number>();
  try {
    return await on({
      ...options, events: 0,
      // So few that second copies would be more than what the dead sinks had out.
      change: { in: { eventsOut: "100" } },
      more: [
        { id: "fabric", type: "dxl-fabric", name: "", configFile: join(folder, "dxlclient.config") },
        { id: "dxl", type: "dxl-threat-event", z: "tab", x: 100, y: 300, name: "", fabric: "fabric", wires: [["format-chaos"]] },
      ],
      onEvent: ({ extension }) => {
        const index = [...extension.values()].map((value) => indexOfAgent(value)).find((value) => value !== undefined);
        arrived.set(index, (arrived.get(index) ?? 0) + 1);
      },
    }, async (cluster) => {
      const bothSubscribe = () => cluster.until(() => broker.filters.length === cluster.instances.length, "both are subscribed");
      let offered = 0;
      const publish = async (count: number) => {
        for (const end = offered + count; offered < end; offered++) {
          await broker.publish("/mcafee/event/epo/threat/response", JSON.stringify(makeThreatEvent(offered)));
          if (offered % 20 === 0) await sleep(50);
        }
      };
      for (let time = 0; time < times; time++) {
        await bothSubscribe();
        await publish(events / (times + 1) / 2);
        const instance = cluster.instances[time % cluster.instances.length];
        await instance?.signal("SIGKILL");
        cluster.allowDead();
        cluster.takeOversAllowed += 1;
        await publish(events / (times + 1) / 2);
        await instance?.start();
      }
      await bothSubscribe();
      await publish(events - offered);
      await cluster.until(() => arrived.size >= offered, "every threat event arrived");
      return { faults: `instance SIGKILL ${times}`, tally: { offered, times: arrived } };
    })(chaos);
  } finally {
    await broker.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Three servers hold the stream three times. The one that leads it is killed. */
const replicas = ({ times, ...options }: ClusterOptions & { times: number }) => on({ ...options, servers: 3 }, async (cluster, { say }) => {
  for (let time = 0; time < times; time++) {
    await cluster.waitForEvent();
    const leader = await cluster.nats.ask(async (jsm) => (await jsm.streams.info(STREAM)).cluster?.leader ?? "");
    const server = cluster.servers[Number(leader.at(-1))] ?? cluster.nats;
    cluster.takeOversAllowed += 1;
    await server.kill("SIGKILL");
    cluster.allowLostServer();
    await cluster.waitForEvent();
    say(`${leader} killed; ${cluster.oracle.missing} to come`);
    await server.start();
  }
  return { faults: `leading server of three SIGKILL ${times}` };
});

const withTlsAndCreds = (options: Kills) => async (chaos: Chaos) => {
  const certs = makeCertificates();
  const accounts = makeAccounts();
  try {
    return await kills({
      ...options,
      nats: { settings: `${accounts.settings()}\ntls { cert_file: "${certs.server.cert}", key_file: "${certs.server.key}" }`, admin: { authenticator: credsAuthenticator(Buffer.from(accounts.creds)), tls: { caFile: certs.ca.cert } } },
      change: { nats: { authType: "creds", credentials: { creds: accounts.creds }, tls: "trust" } },
      more: [tlsConfig("trust", { ca: certs.ca.cert })],
    })(chaos);
  } finally {
    certs.remove();
  }
};

/** Messages of a newer package, and messages that nobody can read, lie in the stream. They stay, and the others pass. */
const foreign = (options: ClusterOptions) => on(options, async (cluster) => {
  await cluster.waitForEvent();
  const messages: [fields: Record<string, string>, body: Uint8Array | string][] = [
    [{ "Siem-Format": "2", "Siem-Count": "1" }, '{"topic":"code42/file-events"}\nCEF:0|a line of a newer version|'],
    [{}, "not from us"],
    [{ "Siem-Format": "1", "Siem-Count": "1" }, "neither JSON nor lines"],
    [{ "Siem-Format": "1", "Siem-Count": "many" }, "{}\n"],
    [{ "Siem-Format": "1", "Siem-Count": "1", "Siem-Encoding": "deflate" }, deflateSync(Buffer.alloc(2 ** 28))],
  ];
  await cluster.nats.ask(async (_, connection) => {
    for (const [fields, body] of messages) {
      const head = headers();
      for (const [name, value] of Object.entries(fields)) head.set(name, value);
      await jetstream(connection).publish(SUBJECT, body, { headers: head });
    }
  });
  await cluster.until(() => cluster.oracle.missing === 0, "every event arrived");
  const log = cluster.instances.map((instance) => instance.log).join("");
  return {
    faults: "format 2, four unreadable messages", left: messages.length,
    rules: { "nobody says that a message has a newer format": /newer/.test(log), "nobody says that a message cannot be read": /cannot be read|cannot read/.test(log) },
  };
});

/** More messages come than the queue takes, while NATS is away. */
const overflow = ({ events, policy }: { events: number; policy: "refuse" | "drop-oldest" | "drop-newest" }) => async (chaos: Chaos) => {
  const times = new Map<unknown, number>();
  const place = { z: "tab", x: 100, y: 400, name: "" };
  return on({
    events: 0,
    change: { out: { queueBytes: "100000", overflow: policy } },
    more: [
      { id: "flood", type: "inject", ...place, props: [], repeat: "", crontab: "", once: false, onceDelay: 0, topic: "", wires: [["lines"]] },
      {
        id: "lines", type: "function", ...place, outputs: 1, wires: [["out"]],
        func: `return [Array.from({ length: ${events} }, (_, index) => ({ payload: \`CEF:0|Test|Test|1|flood|Flood|1|externalId=\${index} msg=${"x".repeat(200)}\` }))];`,
      },
      { id: "caught", type: "catch", ...place, scope: ["out"], uncaught: false, wires: [["refused"]] },
      // An outage is an error too, without a message.
      { id: "refused", type: "function", ...place, outputs: 1, wires: [["seen"]], func: "return msg.payload === undefined ? null : msg;" },
      { id: "seen", type: "debug", ...place, active: false, wires: [] },
    ],
    onEvent: ({ extension }) => {
      const id = extension.get("externalId");
      times.set(id, (times.get(id) ?? 0) + 1);
    },
  }, async (cluster) => {
    const [instance] = cluster.instances;
    await cluster.until(() => instance?.statuses.get("out")?.startsWith("green") === true, "it is connected");
    await cluster.nats.kill("SIGKILL");
    await cluster.until(() => instance?.statuses.get("out")?.startsWith("yellow") === true, "it is not connected");
    await instance?.nodeRed?.admin("/inject/flood", { method: "POST" });
    await sleep(SILENCE_MS);
    await cluster.nats.start();
    const refused = () => instance?.sent["refused"] ?? 0;
    await cluster.until(() => times.size + refused() >= events, "every line arrived or was refused");
    return { faults: `NATS away, queue overflows: ${policy}`, note: `${refused()} refused`, tally: { offered: events - refused(), times }, rules: { "nothing was refused": refused() > 0, "everything was refused": times.size > 0 } };
  })(chaos);
};

/** Somebody deletes the stream while the flow runs. `quiet`: when nothing is in it; otherwise what it holds is gone. */
const deleted = ({ quiet, ...options }: ClusterOptions & { quiet: boolean }) => on(options, async (cluster) => {
  const remove = () => cluster.nats.ask((jsm) => jsm.streams.delete(STREAM));
  await cluster.waitForEvent();
  if (!quiet) {
    await remove();
    cluster.allowLostServer();
    return { faults: "stream deleted while pages are in flight", mayMiss: PAGE * PAGES_OUT };
  }
  cluster.tenant.faults.add({ kind: "status", status: 503 }, { times: Infinity });
  await sleep(1000);
  await cluster.untilPending(0);
  await remove();
  const hadBacklog = cluster.hasBacklog;
  cluster.tenant.faults.clear();
  return { faults: "stream deleted", rules: { "the backlog ended before the fault": hadBacklog } };
});

/** From Debian's package `faketime`. */
const HOUR_FAST = { LD_PRELOAD: "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", FAKETIME: "+1h", FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1" };
const oneClockWrong = { env: (instance: number) => (instance === 0 ? HOUR_FAST : {}) as Record<string, string> };
const oldServer = { nats: { version: "2.9" as const }, left: "any" as const, says: "older than 2.10" };

const scenario = (name: string, run: Scenario["run"]): Scenario => ({ name: `cluster/${name}`, run });

export const longCluster: readonly Scenario[] = [
  scenario("kills", kills({ events: 30_000, times: 8, server: 2 })),
  scenario("kills-cursor", kills({ events: 30_000, times: 8, server: 2, stream: false })),
  scenario("kills-old-server", kills({ events: 40_000, times: 9, server: 3, ...oldServer })),
  scenario("kills-tls-creds", withTlsAndCreds({ events: 10_000, times: 3, server: 1 })),
  scenario("kills-clock", kills({ events: 10_000, times: 4, ...oneClockWrong })),
  scenario("frozen", frozen({ events: 25_000, times: 5 })),
  scenario("frozen-cursor", frozen({ events: 25_000, times: 5, stream: false })),
  scenario("orderly", orderly({ events: 10_000, times: 4 })),
  scenario("orderly-cursor", orderly({ events: 10_000, times: 4, stream: false })),
  scenario("isolated", isolated({ events: 20_000 })),
  scenario("isolated-cursor", isolated({ events: 20_000, stream: false })),
  scenario("nats-down", natsDown({ events: 12_000, seconds: 18, signal: "SIGKILL" })),
  scenario("nats-down-cursor", natsDown({ events: 12_000, seconds: 18, signal: "SIGKILL", stream: false })),
  scenario("nats-hangs", natsDown({ events: 12_000, seconds: 18, signal: "SIGSTOP" })),
  scenario("full", full({ events: 12_000 })),
  scenario("dxl", dxl({ events: 4000, times: 3 })),
  scenario("replicas", replicas({ events: 15_000, times: 3 })),
  scenario("foreign", foreign({ events: 5000 })),
  ...(["refuse", "drop-oldest", "drop-newest"] as const).map((policy) => scenario(`overflow-${policy}`, overflow({ events: 5000, policy }))),
  scenario("deleted", deleted({ events: 6000, quiet: true })),
  scenario("deleted-busy", deleted({ events: 6000, quiet: false })),
];

export const shortCluster: readonly Scenario[] = [
  scenario("kills", kills({ events: 5000, times: 2, server: 1 })),
  scenario("kills-cursor", kills({ events: 5000, times: 2, stream: false })),
  scenario("kills-old-server", kills({ events: 4000, times: 1, server: 1, ...oldServer })),
  scenario("kills-tls-creds", withTlsAndCreds({ events: 3000, times: 1 })),
  scenario("kills-clock", kills({ events: 4000, times: 2, ...oneClockWrong })),
  scenario("frozen", frozen({ events: 4000, times: 1 })),
  scenario("orderly", orderly({ events: 3000, times: 2 })),
  scenario("isolated", isolated({ events: 5000 })),
  scenario("nats-down", natsDown({ events: 4000, seconds: 10, signal: "SIGKILL" })),
  scenario("full", full({ events: 5000 })),
  scenario("dxl", dxl({ events: 1000, times: 2 })),
  scenario("replicas", replicas({ events: 4000, times: 1 })),
  scenario("foreign", foreign({ events: 2000 })),
  scenario("overflow", overflow({ events: 2000, policy: "refuse" })),
  scenario("deleted", deleted({ events: 3000, quiet: true })),
];
