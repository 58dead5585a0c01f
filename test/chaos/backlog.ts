/** Delivers a backlog far larger than memory. Node-RED must not need more memory at the end than after the warm-up. */
import { measureBacklog } from "../../bench/memory";
import type { Chaos, Row } from "./scenario";

const PAGE = 1000;

export async function backlog({ say }: Chaos, { events, warmUp, growthMB }: { events: number; warmUp: number; growthMB: number }): Promise<Omit<Row, "scenario">> {
  say(`${events} events`);
  const { eventsPerSecond, peakBeforeMB, peakAfterMB, report } = await measureBacklog({ events, pageSize: PAGE, warmUp, judged: true });
  const grown = peakAfterMB - peakBeforeMB;
  // One more event follows the backlog.
  const missing = events + 1 - report.arrived;
  const duplicates = report.received - report.illegal - report.unknown - report.arrived;
  const rules = {
    [`${missing} events are missing`]: missing === 0,
    [`${duplicates} duplicates`]: duplicates === 0,
    [`${report.illegal} lines are not legal CEF`]: report.illegal === 0,
    [`${report.unknown} lines of unknown events`]: report.unknown === 0,
    [`memory grew by ${grown} MB`]: grown <= growthMB,
  };
  const broken = Object.entries(rules).filter(([, holds]) => !holds).map(([rule]) => rule);
  const note = `${eventsPerSecond} events/s, peak RSS ${peakBeforeMB} MB in the first ${events * warmUp}, ${peakAfterMB} MB after it (at most +${growthMB} MB)`;
  return { transport: "tcp", events, faults: "", missing, duplicates, bound: 0, note, broken };
}
