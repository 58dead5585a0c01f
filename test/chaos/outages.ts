/**
 * The SIEM is away, shut, narrow or frozen while a backlog waits. Meanwhile no more may be read than may be out, and
 * memory may not grow; afterwards everything comes in its order.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startTcpProxy } from "../support/tcp-proxy";
import { judge, type Chaos, type Row } from "./scenario";
import { PAGE, PAGES_OUT, Site, type Transport } from "./site";

export interface Outage {
  transport: Transport;
  events: number;
  seconds: number;
  /** Growth of resident memory that is not growth yet, MB: Node-RED has just started, or the garbage has not been collected. */
  memoryMB: number;
  mayMiss?: boolean;
}

interface Trouble {
  name: string;
  /** Before Node-RED starts. */
  prepare?(): Promise<void>;
  begin(): Promise<void>;
  end(): Promise<void>;
  /** The connection stands meanwhile, so that the kernel takes lines. */
  connected: boolean;
  close?(): Promise<void>;
  rules?(): Record<string, boolean>;
  note?(): string;
}

/** Besides the pages that are out, one waits to be sent and one has been asked for. */
const READ_AHEAD = 2;
/** Attempts to connect, with a back-off that doubles from 1 s to 60 s and full jitter. */
const CONNECTIONS = 25;

async function suffer({ say }: Chaos, { transport, events, seconds, memoryMB, mayMiss = false }: Outage, plan: (site: Site) => Promise<Trouble>): Promise<Omit<Row, "scenario">> {
  const site = await Site.open({ transport, events });
  let trouble: Trouble | undefined;
  try {
    trouble = await plan(site);
    await trouble.prepare?.();
    await site.startNodeRed();
    if (trouble.prepare === undefined) await site.until(() => site.oracle.arrived >= PAGE * 10, "the first pages arrived");
    const before = { pages: site.pagesRead, arrived: site.oracle.arrived };
    await trouble.begin();
    const memory: number[] = [];
    for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
      await sleep(500);
      memory.push(site.residentMB);
    }
    site.look();
    const read = site.pagesRead - before.pages;
    const most = PAGES_OUT + READ_AHEAD + Math.ceil((trouble.connected ? site.unread : 0) / PAGE) + Math.ceil((site.oracle.arrived - before.arrived) / PAGE);
    const grown = growth(memory);
    const busy = site.busy;
    say(`${seconds} s over: ${read} pages read, memory grew by ${grown.toFixed(0)} MB`);
    await trouble.end();
    const ended = Date.now();
    await site.traffic();
    const waited = (Date.now() - ended) / 1000;
    await site.finish({ mayMiss });
    return judge(site, {
      mayMiss,
      faults: `${trouble.name} for ${seconds} s`,
      note: `${read} pages read meanwhile (at most ${most}), RSS +${grown.toFixed(0)} MB, on again after ${waited.toFixed(0)} s${trouble.note?.() ?? ""}`,
      rules: {
        [`${read} pages were read meanwhile, ${most} may be`]: read <= most,
        [`memory grew by ${grown.toFixed(1)} MB`]: grown <= memoryMB,
        [`${site.oracle.disordered} events came out of order`]: mayMiss || site.oracle.disordered === 0,
        "the backlog was through before": busy,
        ...trouble.rules?.(),
      },
    });
  } finally {
    await trouble?.close?.();
    await site.close();
  }
}

/** By how much the highest of the later samples is above the highest of the first third: memory is a sawtooth. */
function growth(samples: readonly number[]): number {
  const third = Math.ceil(samples.length / 3);
  return Math.max(0, Math.max(...samples.slice(third)) - Math.max(...samples.slice(0, third)));
}

/** No rsyslog yet when Node-RED starts. */
export const downAtStart = (chaos: Chaos, outage: Outage) => suffer(chaos, outage, async (site) => ({
  name: "rsyslog not there at the start",
  connected: false,
  prepare: () => site.rsyslog.server.kill("SIGTERM"),
  begin: async () => undefined,
  end: () => site.rsyslog.server.start(),
}));

/** Something takes each connection and ends it at once, as a load balancer without a server behind it does. */
export const shut = (chaos: Chaos, outage: Outage) => suffer(chaos, outage, async (site) => {
  const proxy = await proxied(site);
  let before = 0;
  let tries = 0;
  return {
    name: "connections ended at once",
    connected: false,
    begin: async () => {
      before = proxy.connections;
      proxy.width = 0;
      site.excuseLostLink();
    },
    end: async () => {
      tries = proxy.connections - before;
      proxy.width = Infinity;
    },
    close: () => proxy.close(),
    rules: () => ({ [`${tries} connections were tried`]: tries <= CONNECTIONS, "no connection was tried": tries > 0 }),
    note: () => `, ${tries} connections tried`,
  };
});

/** The SIEM reads 1 kB/s. */
export const slow = (chaos: Chaos, outage: Outage) => suffer(chaos, outage, async (site) => {
  const proxy = await proxied(site);
  let before = 0;
  let lost = 0;
  return {
    name: "1 kB/s",
    connected: true,
    begin: async () => {
      before = proxy.connections;
      proxy.width = 1000;
    },
    end: async () => {
      lost = proxy.connections - before;
      for (let link = 0; link < lost; link++) site.excuseLostLink(Date.now() - outage.seconds * 1000);
      proxy.width = Infinity;
    },
    close: () => proxy.close(),
    rules: () => ({ [`${lost} connections were given up`]: lost <= outage.seconds / 30 }),
    note: () => `, ${lost} connections given up`,
  };
});

/** rsyslog is stopped as a debugger does it, then killed, then started again. */
export const frozen = (chaos: Chaos, outage: Outage) => suffer(chaos, outage, async (site) => {
  const { server } = site.rsyslog;
  return {
    name: "SIGSTOP",
    connected: true,
    begin: () => server.kill("SIGSTOP"),
    end: async () => {
      await site.killReceiver("SIGKILL");
      await server.start();
    },
  };
});

async function proxied(site: Site) {
  const proxy = await startTcpProxy(site.receiverPort);
  site.change("syslog-chaos", { port: String(proxy.port) });
  return proxy;
}
