/** Stops Node-RED in order, or deploys its flows, while a page is in flight: no event may be missing or arrive twice. */
import { setTimeout as sleep } from "node:timers/promises";
import { judge, type Chaos, type Row } from "./scenario";
import { Site, type Transport } from "./site";

/** The context stores for the cursor. */
const STORES = {
  memory: { module: "memory" },
  cached: { module: "localfilesystem" },
  durable: { module: "localfilesystem", config: { cache: false } },
};

export interface Orderly {
  transport: Transport;
  store: keyof typeof STORES;
  events: number;
  times: number;
}

type Interruption = (site: Site) => Promise<void>;

const restart: Interruption = async (site) => {
  await site.stopNodeRed();
  await site.startNodeRed();
};
const deploy: Interruption = (site) => site.deploy("full");

async function interrupt({ random, say }: Chaos, { transport, store, events, times }: Orderly, name: string, interruption: Interruption): Promise<Omit<Row, "scenario">> {
  const site = await Site.open({
    transport, events,
    contextStorage: { default: "cursors", cursors: STORES[store] },
    query: { cursor: "#:(cursors)::cursor_chaos" },
  });
  let hit = 0;
  try {
    await site.startNodeRed();
    for (let time = 0; time < times; time++) {
      await site.waitForEvent();
      await sleep(random() * 1000);
      if (site.hasBacklog) hit += 1;
      await interruption(site);
      site.readOutput();
      say(`${name} ${time + 1}: ${site.oracle.missing} to come, ${site.oracle.duplicates} duplicates`);
    }
    await site.finish();
    return judge(site, {
      faults: `${name} ${hit}, ${store} store`,
      note: `longest close ${(site.longestCloseMs / 1000).toFixed(1)} s`,
      rules: { "the backlog ended before the last interruption": hit === times },
    });
  } finally {
    await site.close();
  }
}

export const restarts = (chaos: Chaos, orderly: Orderly) => interrupt(chaos, orderly, "Node-RED SIGTERM", restart);
export const deploys = (chaos: Chaos, orderly: Orderly) => interrupt(chaos, orderly, "full deploy", deploy);
