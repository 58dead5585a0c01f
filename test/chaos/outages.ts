/**
 * The SIEM is down, refuses connections, is slow or is frozen while a backlog waits. During the outage the query may read no
 * more pages than may be in flight, and memory must not grow. Afterwards all events arrive in order.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startTcpProxy } from "../support/tcp-proxy";
import { judge, type Chaos, type Row } from "./scenario";
import { PAGE, PAGES_OUT, Site, type Transport } from "./site";

export interface Outage {
  transport: Transport;
  events: number;
  seconds: number;
  /** Growth of resident memory that is allowed, MB: soon after the start, V8 has not collected its garbage yet. */
  memoryMB: number;
  /** Missing events are allowed. */
  mayLose?: boolean;
}

interface Fault {
  name: string;
  /** Runs before Node-RED starts. */
  prepare?(): Promise<void>;
  begin(): Promise<void>;
  end(): Promise<void>;
  /** True if the connection stays open during the fault, so that the kernel accepts lines. */
  connected: boolean;
  close?(): Promise<void>;
  rules?(): Record<string, boolean>;
  note?(): string;
}

/** In addition to the pages in flight, one page waits to be sent and one is being requested. */
const READ_AHEAD = 2;
/** Maximum attempts to connect, with a back-off that doubles from 1 s to 60 s and full jitter. */
const MAX_CONNECTIONS = 25;

async function runOutage({ say }: Chaos, { transport, events, seconds, memoryMB, mayLose = false }: Outage, plan: (site: Site) => Promise<Fault>): Promise<Omit<Row, "scenario">> {
  const site = await Site.open({ transport, events });
  let fault: Fault | undefined;
  try {
    fault = await plan(site);
    await fault.prepare?.();
    await site.startNodeRed();
    if (fault.prepare === undefined) await site.until(() => site.oracle.arrived >= PAGE * 10, "the first pages arrived");
    const before = { pages: site.pagesRead, arrived: site.oracle.arrived };
    await fault.begin();
    const memory: number[] = [];
    for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
      await sleep(500);
      memory.push(site.residentMB);
    }
    site.readOutput();
    const read = site.pagesRead - before.pages;
    const most = PAGES_OUT + READ_AHEAD + Math.ceil((fault.connected ? site.unread : 0) / PAGE) + Math.ceil((site.oracle.arrived - before.arrived) / PAGE);
    const grown = growth(memory);
    const hadBacklog = site.hasBacklog;
    say(`${seconds} s over: ${read} pages read, memory grew by ${grown.toFixed(0)} MB`);
    await fault.end();
    const ended = Date.now();
    await site.waitForEvent();
    const waited = (Date.now() - ended) / 1000;
    await site.finish({ mayLose });
    return judge(site, {
      mayLose,
      faults: `${fault.name} for ${seconds} s`,
      note: `${read} pages read meanwhile (at most ${most}), RSS +${grown.toFixed(0)} MB, on again after ${waited.toFixed(0)} s${fault.note?.() ?? ""}`,
      rules: {
        [`${read} pages were read meanwhile, ${most} may be`]: read <= most,
        [`memory grew by ${grown.toFixed(1)} MB`]: grown <= memoryMB,
        [`${site.oracle.disordered} events came out of order`]: mayLose || site.oracle.disordered === 0,
        "the backlog ended before the fault did": hadBacklog,
        ...fault.rules?.(),
      },
    });
  } finally {
    await fault?.close?.();
    await site.close();
  }
}

/** How far the maximum of the later samples is above the maximum of the first third. Single samples are no use, because memory is a sawtooth. */
function growth(samples: readonly number[]): number {
  const third = Math.ceil(samples.length / 3);
  return Math.max(0, Math.max(...samples.slice(third)) - Math.max(...samples.slice(0, third)));
}

/** rsyslog is not running yet when Node-RED starts. */
export const downAtStart = (chaos: Chaos, outage: Outage) => runOutage(chaos, outage, async (site) => ({
  name: "rsyslog not there at the start",
  connected: false,
  prepare: () => site.rsyslog.server.kill("SIGTERM"),
  begin: async () => undefined,
  end: () => site.rsyslog.server.start(),
}));

/** Each connection is accepted and ended at once, as by a load balancer without a server. */
export const shut = (chaos: Chaos, outage: Outage) => runOutage(chaos, outage, async (site) => {
  const proxy = await proxied(site);
  let before = 0;
  let tries = 0;
  return {
    name: "connections ended at once",
    connected: false,
    begin: async () => {
      before = proxy.connections;
      proxy.rate = 0;
      site.allowLostConnection();
    },
    end: async () => {
      tries = proxy.connections - before;
      proxy.rate = Infinity;
    },
    close: () => proxy.close(),
    rules: () => ({ [`${tries} connections were tried`]: tries <= MAX_CONNECTIONS, "no connection was tried": tries > 0 }),
    note: () => `, ${tries} connections tried`,
  };
});

/** The SIEM reads 1 kB/s. */
export const slow = (chaos: Chaos, outage: Outage) => runOutage(chaos, outage, async (site) => {
  const proxy = await proxied(site);
  let before = 0;
  let lost = 0;
  return {
    name: "1 kB/s",
    connected: true,
    begin: async () => {
      before = proxy.connections;
      proxy.rate = 1000;
    },
    end: async () => {
      lost = proxy.connections - before;
      for (let link = 0; link < lost; link++) site.allowLostConnection(Date.now() - outage.seconds * 1000);
      proxy.rate = Infinity;
    },
    close: () => proxy.close(),
    rules: () => ({ [`${lost} connections were given up`]: lost <= outage.seconds / 30 }),
    note: () => `, ${lost} connections given up`,
  };
});

/**
 * rsyslog is frozen with SIGSTOP, then killed, then started again. Over TCP, what its kernel had acknowledged dies with it,
 * and what rsyslog had read: at most what the sender had out.
 */
export const frozen = (chaos: Chaos, outage: Outage) => runOutage(chaos, outage, async (site) => {
  const { server } = site.rsyslog;
  let lost = 0;
  return {
    name: "SIGSTOP",
    connected: true,
    begin: () => server.kill("SIGSTOP"),
    end: async () => {
      lost = site.acknowledgedAndUnread + PAGE * PAGES_OUT;
      await site.killReceiver("SIGKILL");
      await server.start();
    },
    rules: () => ({ [`${site.oracle.missing} events are missing, ${lost} can be`]: site.oracle.missing <= lost }),
    note: () => (outage.mayLose === true ? `, ${lost} lines can have died with rsyslog` : ""),
  };
});

async function proxied(site: Site) {
  const proxy = await startTcpProxy(site.receiverPort);
  site.change("syslog-chaos", { port: String(proxy.port) });
  return proxy;
}
