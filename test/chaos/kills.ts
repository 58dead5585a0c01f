/** Both ends are killed, each at its own random moments, while a backlog passes. */
import { setTimeout as sleep } from "node:timers/promises";
import { judge, type Chaos, type Row } from "./scenario";
import { Site, type Transport } from "./site";

export interface Kills {
  transport: Transport;
  events: number;
  /** With SIGKILL. */
  nodeRed: number;
  receiver: number;
  receiverSignal: "SIGKILL" | "SIGTERM";
  /** Longest time that events pass before the receiver is killed again, ms. A link that stood for 5 s resets the sender's back-off. */
  calmMs: number;
  mayMiss?: boolean;
}

export async function kills({ random, say }: Chaos, { transport, events, nodeRed, receiver, receiverSignal, calmMs, mayMiss = false }: Kills): Promise<Omit<Row, "scenario">> {
  const site = await Site.open({ transport, events });
  const hit = { nodeRed: 0, receiver: 0 };
  const killed = { nodeRed: 0, receiver: 0 };

  const killReceivers = async () => {
    while (killed.receiver < receiver) {
      await site.traffic();
      await sleep(random() * calmMs);
      if (site.busy) hit.receiver += 1;
      await site.killReceiver(receiverSignal);
      killed.receiver += 1;
      await sleep(random() * 500);
      await site.rsyslog.server.start();
    }
  };
  const killNodeReds = async () => {
    while (killed.nodeRed < nodeRed) {
      await site.startNodeRed();
      // One in four dies young, before anything else happened; the others share the rest of the receiver's deaths.
      const share = killed.receiver + Math.ceil((receiver - killed.receiver) / (nodeRed - killed.nodeRed + 1));
      if (random() < 0.75) await site.until(() => killed.receiver >= share, "the receiver was killed");
      await sleep(random() * 1500);
      if (site.busy) hit.nodeRed += 1;
      await site.killNodeRed();
      killed.nodeRed += 1;
      say(`Node-RED killed ${killed.nodeRed}, rsyslog ${killed.receiver} times; ${site.oracle.missing} to come, ${site.oracle.duplicates} duplicates`);
    }
    await site.startNodeRed();
  };

  try {
    await Promise.all([killReceivers(), killNodeReds()]);
    await site.finish({ mayMiss });
    return judge(site, {
      mayMiss,
      faults: `Node-RED SIGKILL ${hit.nodeRed}, rsyslog ${receiverSignal} ${hit.receiver}`,
      rules: { "the backlog was through before all faults": hit.nodeRed === nodeRed && hit.receiver === receiver },
    });
  } finally {
    await site.close();
  }
}
