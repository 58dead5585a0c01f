/** Learns from one poll after the other how late events become searchable, and warns when the overlap may be too short. */
import type { Params } from "../../common/errors";
import type { QuerySettings } from "./query-settings";
import type { EventPage } from "./walk";

export class Lateness {
  /** How late an event became searchable at most, ms; known only to a poll that follows another. */
  largestMs = 0;
  /** Server time (epoch ms) up to which the last complete poll saw everything that was searchable; undefined: unknown. */
  coveredMs: number | undefined;
  private warned = false;

  constructor(private readonly settings: Pick<QuerySettings, "source" | "overlapMs">, private readonly report: { warn(key: string, params: Params): void }) {}

  /**
   * A new event that was inserted before the last complete poll was not searchable then. Events come oldest first.
   * Where a look-back is read again, events are new because they changed.
   */
  note({ ids: { times: [oldest] } }: EventPage): void {
    const { source, overlapMs } = this.settings;
    if (oldest === undefined || this.coveredMs === undefined || source.rereads === "lookback") return;
    this.largestMs = Math.max(this.largestMs, this.coveredMs - oldest);
    if (this.largestMs <= overlapMs / 2 || this.warned) return;
    this.warned = true;
    const seconds = Math.ceil(this.largestMs / 1000);
    this.report.warn("warning.late", { seconds, overlap: overlapMs / 1000, advice: seconds * 3 });
  }
}
