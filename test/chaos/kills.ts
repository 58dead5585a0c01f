/** Kills Node-RED and rsyslog, each at its own random moments, while a backlog is delivered. */
import { setTimeout as sleep } from "node:timers/promises";
import { judge, type Chaos, type Row } from "./scenario";
import { Site, type Transport } from "./site";

export interface Kills {
  transport: Transport;
  events: number;
  /** Number of times that Node-RED gets SIGKILL. */
  nodeRed: number;
  /** Number of times that the receiver gets `receiverSignal`. */
  receiver: number;
  receiverSignal: "SIGKILL" | "SIGTERM";
  /** Maximum time before the receiver is killed again, ms. A connection that lasts 5 s resets the sender's back-off. */
  maxUptimeMs: number;
  /** Missing events are allowed. */
  mayLose?: boolean;
}

export async function kills({ random, say }: Chaos, { transport, events, nodeRed, receiver, receiverSignal, maxUptimeMs, mayLose = false }: Kills): Promise<Omit<Row, "scenario">> {
  const site = await Site.open({ transport, events });
  const hit = { nodeRed: 0, receiver: 0 };
  const killed = { nodeRed: 0, receiver: 0 };

  const killReceivers = async () => {
    while (killed.receiver < receiver) {
      await site.waitForEvent();
      await sleep(random() * maxUptimeMs);
      if (site.hasBacklog) hit.receiver += 1;
      await site.killReceiver(receiverSignal);
      killed.receiver += 1;
      await sleep(random() * 500);
      await site.rsyslog.server.start();
    }
  };
  const killNodeReds = async () => {
    while (killed.nodeRed < nodeRed) {
      await site.startNodeRed();
      // One in four is killed soon after its start. The others run until the receiver was killed their share of the remaining times.
      const share = killed.receiver + Math.ceil((receiver - killed.receiver) / (nodeRed - killed.nodeRed + 1));
      if (random() < 0.75) await site.until(() => killed.receiver >= share, "the receiver was killed");
      await sleep(random() * 1500);
      if (site.hasBacklog) hit.nodeRed += 1;
      await site.killNodeRed();
      killed.nodeRed += 1;
      say(`Node-RED killed ${killed.nodeRed}, rsyslog ${killed.receiver} times; ${site.oracle.missing} to come, ${site.oracle.duplicates} duplicates`);
    }
    await site.startNodeRed();
  };

  try {
    await Promise.all([killReceivers(), killNodeReds()]);
    await site.finish({ mayLose });
    return judge(site, {
      mayLose,
      faults: `Node-RED SIGKILL ${hit.nodeRed}, rsyslog ${receiverSignal} ${hit.receiver}`,
      rules: { "the backlog ended before the last fault": hit.nodeRed === nodeRed && hit.receiver === receiver },
    });
  } finally {
    await site.close();
  }
}
