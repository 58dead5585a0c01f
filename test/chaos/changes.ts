/** Deploys of each type change, delete and add nodes while a page is in flight. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FlowNode } from "../support/node-red-process";
import { judge, type Chaos, type Row } from "./scenario";
import { PAGE, Site, type Transport } from "./site";

type Deploy = "full" | "flows" | "nodes";

/** The change of each node. The page size in a request shows which instance of the query sent it. */
const CHANGES: Record<string, (round: number) => Record<string, unknown>> = {
  "query-chaos": (round) => ({ pageSize: String(PAGE - 1 - round) }),
  "format-chaos": (round) => ({ name: `formatter ${round}` }),
  "syslog-chaos": (round) => ({ name: `sink ${round}` }),
  tenant: (round) => ({ timeout: String(60 + round) }),
};
const DELETED = ["syslog-chaos", "format-chaos", "query-chaos"];

export interface Changes {
  transport: Transport;
  events: number;
  types: readonly Deploy[];
}

/** A page that lost its sink is sent again after this time. */
const CONFIRM_TIMEOUT_S = 2;
/** For this long nothing may happen behind a deleted node. */
const SILENCE_MS = 1500;
/** Before that, messages in flight may still arrive for this long. */
const GRACE_MS = 500;

export async function changes({ random, say }: Chaos, { transport, events, types }: Changes): Promise<Omit<Row, "scenario">> {
  const site = await Site.open({ transport, events, query: { confirmTimeout: String(CONFIRM_TIMEOUT_S) } });
  const rules: Record<string, boolean> = {};
  let deployed = 0;
  let hit = 0;
  let longestWaitMs = 0;

  const waitForMidPage = async () => {
    await site.waitForEvent();
    await sleep(random() * 300);
    if (site.hasBacklog) hit += 1;
    deployed += 1;
  };
  const waitForNextEvent = async (what: string) => {
    const since = Date.now();
    await site.waitForEvent();
    longestWaitMs = Math.max(longestWaitMs, Date.now() - since);
    say(`${what}: ${site.oracle.missing} to come, ${site.oracle.duplicates} duplicates, waited ${Date.now() - since} ms`);
  };

  try {
    await site.startNodeRed();
    for (const [round, type] of types.entries()) {
      for (const [id, change] of Object.entries(CHANGES)) {
        await waitForMidPage();
        site.change(id, change(round));
        await site.deploy(type);
        const since = Date.now();
        await waitForNextEvent(`deploy ${type}, ${id} changed`);
        if (id === "query-chaos") rules[`after the deploy ${type} the old query still asked`] = onlyPagesOf(site, PAGE - 1 - round, since);
      }
    }
    for (const id of DELETED) {
      const complete = site.flows;
      await waitForMidPage();
      await site.deploy("nodes", without(complete, id));
      await sleep(GRACE_MS);
      site.readOutput();
      const before = { lines: site.oracle.lines, requests: site.tenant.requests.length };
      await sleep(SILENCE_MS);
      site.readOutput();
      rules[`lines came after ${id} was deleted`] = site.oracle.lines === before.lines;
      if (id === "query-chaos") rules["the deleted query still asked"] = site.tenant.requests.length === before.requests;
      await site.deploy("nodes", complete);
      await waitForNextEvent(`${id} deleted and added`);
    }
    await site.finish();
    return judge(site, {
      faults: `deploys ${types.join(", ")} with a change ${types.length * Object.keys(CHANGES).length}, nodes deleted ${DELETED.length}`,
      note: `longest close ${(site.longestCloseMs / 1000).toFixed(1)} s, longest wait ${(longestWaitMs / 1000).toFixed(1)} s`,
      rules: { ...rules, "the backlog ended before the last deploy": hit === deployed },
    });
  } finally {
    await site.close();
  }
}

/** The flow without the node and without the wires to it, as the editor deletes a node. */
const without = (flows: readonly FlowNode[], id: string): FlowNode[] => flows.filter((node) => node.id !== id)
  .map((node) => (Array.isArray(node["wires"]) ? { ...node, wires: (node["wires"] as string[][]).map((wire) => wire.filter((target) => target !== id)) } : node));

/** True if every search since then asked for pages of this size, or for the large pages that read the overlap. */
function onlyPagesOf(site: Site, size: number, since: number): boolean {
  return site.tenant.requests.filter(({ at, path }) => at >= since && path === "/v2/file-events")
    .every(({ body }) => [size, 10_000].includes((body as { pgSize: number }).pgSize));
}
