/** All scenarios, in their long form (`npm run chaos`) and their short form (`npm test`). */
import { backlog } from "./backlog";
import { changes } from "./changes";
import { hostile } from "./hostile";
import { kills } from "./kills";
import { deploys, restarts } from "./orderly";
import { downAtStart, frozen, shut, slow } from "./outages";
import type { Scenario } from "./scenario";

const bothEnds = { events: 60_000, nodeRed: 10, receiver: 30, receiverSignal: "SIGKILL", maxUptimeMs: 1000 } as const;
const orderlyReceiver = { events: 90_000, nodeRed: 0, receiver: 10, receiverSignal: "SIGTERM", maxUptimeMs: 7000 } as const;
const outage = { events: 20_000, seconds: 60, memoryMB: 15 };

export const long: readonly Scenario[] = [
  { name: "kills-relp", run: (chaos) => kills(chaos, { transport: "relp", ...bothEnds }) },
  { name: "kills-relp-tls", run: (chaos) => kills(chaos, { transport: "relp-tls", ...bothEnds }) },
  { name: "kills-tcp", run: (chaos) => kills(chaos, { transport: "tcp", ...bothEnds, mayLose: true }) },
  { name: "kills-tls", run: (chaos) => kills(chaos, { transport: "tls", ...bothEnds, mayLose: true }) },
  { name: "receiver-restarts-tcp", run: (chaos) => kills(chaos, { transport: "tcp", ...orderlyReceiver }) },
  { name: "receiver-restarts-tls", run: (chaos) => kills(chaos, { transport: "tls", ...orderlyReceiver }) },
  { name: "restarts-durable", run: (chaos) => restarts(chaos, { transport: "relp", store: "durable", events: 20_000, times: 6 }) },
  { name: "restarts-cached", run: (chaos) => restarts(chaos, { transport: "tcp", store: "cached", events: 20_000, times: 6 }) },
  { name: "deploys-memory", run: (chaos) => deploys(chaos, { transport: "tcp", store: "memory", events: 30_000, times: 10 }) },
  { name: "deploys-cached", run: (chaos) => deploys(chaos, { transport: "tcp", store: "cached", events: 30_000, times: 10 }) },
  { name: "deploys-durable", run: (chaos) => deploys(chaos, { transport: "relp", store: "durable", events: 30_000, times: 10 }) },
  { name: "changes-tcp", run: (chaos) => changes(chaos, { transport: "tcp", events: 40_000, types: ["full", "flows", "nodes"] }) },
  { name: "changes-relp", run: (chaos) => changes(chaos, { transport: "relp", events: 40_000, types: ["full", "flows", "nodes"] }) },
  { name: "down-at-start", run: (chaos) => downAtStart(chaos, { transport: "relp", ...outage }) },
  { name: "shut-relp", run: (chaos) => shut(chaos, { transport: "relp", ...outage }) },
  { name: "shut-tcp", run: (chaos) => shut(chaos, { transport: "tcp", ...outage }) },
  { name: "slow-relp", run: (chaos) => slow(chaos, { transport: "relp", ...outage }) },
  { name: "slow-tcp", run: (chaos) => slow(chaos, { transport: "tcp", ...outage }) },
  { name: "frozen-relp", run: (chaos) => frozen(chaos, { transport: "relp", ...outage }) },
  { name: "frozen-tcp", run: (chaos) => frozen(chaos, { transport: "tcp", ...outage, mayLose: true }) },
  { name: "backlog", run: (chaos) => backlog(chaos, { events: 1_000_000, warmUp: 0.1, growthMB: 15 }) },
  { name: "hostile", run: (chaos) => hostile(chaos, { seconds: 1800 }) },
];

export const short: readonly Scenario[] = [
  { name: "kills-relp", run: (chaos) => kills(chaos, { transport: "relp", events: 6000, nodeRed: 3, receiver: 6, receiverSignal: "SIGKILL", maxUptimeMs: 500 }) },
  { name: "receiver-restarts-tls", run: (chaos) => kills(chaos, { transport: "tls", events: 10_000, nodeRed: 0, receiver: 2, receiverSignal: "SIGTERM", maxUptimeMs: 500 }) },
  { name: "restarts-cached", run: (chaos) => restarts(chaos, { transport: "relp", store: "cached", events: 6000, times: 2 }) },
  { name: "deploys-memory", run: (chaos) => deploys(chaos, { transport: "tcp", store: "memory", events: 8000, times: 3 }) },
  { name: "changes", run: (chaos) => changes(chaos, { transport: "tcp", events: 15_000, types: ["nodes"] }) },
  { name: "down-at-start", run: (chaos) => downAtStart(chaos, { transport: "relp", events: 3000, seconds: 8, memoryMB: 30 }) },
  { name: "frozen-relp", run: (chaos) => frozen(chaos, { transport: "relp", events: 3000, seconds: 8, memoryMB: 30 }) },
  // V8 collects no garbage during the first hundred thousand events, so memory only grows until then.
  { name: "backlog", run: (chaos) => backlog(chaos, { events: 200_000, warmUp: 0.5, growthMB: 40 }) },
];
