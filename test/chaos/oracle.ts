/** Compares every line that the SIEM received, byte by byte, with the events of the tenant. */
import { compileFormatter } from "../../src/cef/encoder";
import { code42FileEventV2 } from "../../src/cef/mappings/code42-file-event-v2";
import { parseCef } from "../../src/simulator/cef-parser";
import { indexOfId, makeFileEvent, type FileEvent } from "../../src/simulator/events";

/** Event n was inserted at `startMs` plus n times `stepUs`. */
export interface Backlog {
  count: number;
  startMs: number;
  stepUs: number;
}

/** The lines of every seventh event are compared with the formatted event. The others are only parsed and their ids checked. */
const COMPARED_EVERY = 7;

export class Oracle {
  /** Number of events at the tenant. */
  offered: number;
  /** Number of events that arrived at least once. */
  arrived = 0;
  /** Number of lines for events that had arrived before. */
  duplicates = 0;
  /** Problems of single lines: unknown event, illegal CEF, or not the line of its event. */
  readonly wrong: string[] = [];
  /** Number of events that arrived after a later event. */
  disordered = 0;
  /** How often each event arrived, by index. */
  private readonly times: Uint8Array;
  private fresh: FileEvent | undefined;
  private readonly arrivals: { at: number; lines: number }[] = [];
  private readonly formatter = compileFormatter(code42FileEventV2);
  private latestIndex = -1;

  constructor(private readonly backlog: Backlog) {
    this.offered = backlog.count;
    // One more for the fresh event.
    this.times = new Uint8Array(backlog.count + 1);
  }

  get missing(): number {
    return this.offered - this.arrived;
  }

  get lines(): number {
    return this.arrived + this.duplicates;
  }

  /** Makes one more event, inserted now and therefore after the whole backlog. */
  offerFresh(): FileEvent {
    this.fresh = makeFileEvent(this.backlog.count, { insertedUs: Date.now() * 1000 });
    this.offered += 1;
    return this.fresh;
  }

  get freshArrived(): boolean {
    return (this.times[this.backlog.count] ?? 0) > 0;
  }

  /** Number of lines that arrived at `since` (epoch ms) or later. */
  linesSince(since: number): number {
    return this.arrivals.reduce((sum, { at, lines }) => (at >= since ? sum + lines : sum), 0);
  }

  /** Adds messages of the SIEM, including their headers. */
  add(messages: Iterable<string>): void {
    const before = this.lines;
    for (const message of messages) this.check(message.slice(Math.max(0, message.indexOf("CEF:"))));
    if (this.lines > before) this.arrivals.push({ at: Date.now(), lines: this.lines - before });
  }

  private check(line: string): void {
    let index: number | undefined;
    try {
      index = indexOfId(parseCef(line).extension.get("devicePayloadId") ?? "");
    } catch (error) {
      this.wrong.push(`${String(error)}: ${line.slice(0, 200)}`);
      return;
    }
    if (index === undefined || index >= this.offered) {
      this.wrong.push(`is of an unknown event: ${line.slice(0, 200)}`);
      return;
    }
    if (index % COMPARED_EVERY === 0 && line !== this.formatter.format(this.event(index))) this.wrong.push(`is not the line of event ${index}: ${line.slice(0, 200)}`);
    const times = this.times[index] ?? 0;
    this.times[index] = Math.min(255, times + 1);
    if (times > 0) {
      this.duplicates += 1;
      return;
    }
    this.arrived += 1;
    if (index < this.latestIndex) this.disordered += 1;
    this.latestIndex = Math.max(this.latestIndex, index);
  }

  private event(index: number): FileEvent {
    const { count, startMs, stepUs } = this.backlog;
    return index === count && this.fresh !== undefined ? this.fresh : makeFileEvent(index, { insertedUs: startMs * 1000 + index * stepUs });
  }
}
