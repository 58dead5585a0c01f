/** The tenant and the SIEM of a bench, in a separate process so that they do not slow down the measured one. */
import { setPriority } from "node:os";
import { indexOfId, makeFileEvent } from "../src/simulator/events";
import { startSiem } from "../src/simulator/siem";
import { startTenantSimulator } from "../src/simulator/tenant";

/** The first message to the parent. */
export interface PeersReady {
  tenant: { url: string; clientId: string; clientSecret: string };
  siemPort: number;
}

/** The following messages, ten per second. If the bench does not judge, `arrived` is `received`. */
export interface PeersReport {
  /** Lines. */
  received: number;
  /** Distinct events. */
  arrived: number;
  /** Lines of events that the tenant does not have. */
  unknown: number;
  illegal: number;
  /** True if the backlog has arrived and, if the bench judges, a new event after it. */
  complete: boolean;
}

async function main(): Promise<void> {
  const events = Number(process.argv[2]);
  const judged = process.argv[3] === "true";
  // In production they run on other machines: here they must not take processor time from Node-RED.
  if (!judged) setPriority(19);
  let fresh: string | undefined;
  let unknown = 0;
  const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000 });
  tenant.preload({ count: events, startMs: Date.now() - 48 * 3_600_000 });
  const siem = await startSiem({
    parse: judged,
    onEvent: ({ extension }) => {
      const index = indexOfId(extension.get("devicePayloadId") ?? "") ?? Infinity;
      if (index > events || (index === events && fresh === undefined)) unknown += 1;
    },
  });
  process.send?.({ tenant: { url: tenant.url, clientId: tenant.clientId, clientSecret: tenant.clientSecret }, siemPort: siem.port } satisfies PeersReady);
  setInterval(() => {
    const arrived = judged ? siem.ids.size : siem.received;
    if (judged && arrived >= events && fresh === undefined) {
      const event = makeFileEvent(events, { insertedUs: Date.now() * 1000 });
      fresh = event.event.id;
      tenant.add([event]);
    }
    const complete = arrived >= events && (!judged || siem.ids.has(fresh ?? ""));
    process.send?.({ received: siem.received, arrived, unknown, illegal: siem.illegal, complete } satisfies PeersReport);
  }, 100);
  process.once("disconnect", () => process.exit());
}

main().catch((error: unknown) => {
  process.stderr.write(String(error));
  process.exitCode = 1;
});
