/** Knows every event that the tenant offered, and judges what the SIEM has in its file: each line, byte by byte. */
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

/** Every how many events a line is compared with a formatted event; the others are parsed, and their id looked up. */
const COMPARED = 7;

export class Oracle {
  /** Events that the tenant has. */
  offered: number;
  /** Events that arrived at least once. */
  arrived = 0;
  /** Lines that were not the first of their event. */
  duplicates = 0;
  /** What no one offered, what is not legal CEF, and what is not the line of its event: the first ones. */
  readonly wrong: string[] = [];
  /** Events whose first line came behind a later event's first line. */
  disordered = 0;
  private readonly times: Uint8Array;
  private fresh: FileEvent | undefined;
  private readonly arrivals: { at: number; lines: number }[] = [];
  private readonly formatter = compileFormatter(code42FileEventV2);
  private newest = -1;

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

  /** One more event, inserted now: it comes behind the whole backlog. */
  offerFresh(): FileEvent {
    this.fresh = makeFileEvent(this.backlog.count, { insertedUs: Date.now() * 1000 });
    this.offered += 1;
    return this.fresh;
  }

  get freshArrived(): boolean {
    return (this.times[this.backlog.count] ?? 0) > 0;
  }

  /** How many lines came at `since` (epoch ms) or later. */
  linesSince(since: number): number {
    return this.arrivals.reduce((sum, { at, lines }) => (at >= since ? sum + lines : sum), 0);
  }

  /** Takes messages as the SIEM understood them, header and all. */
  take(messages: Iterable<string>): void {
    const before = this.lines;
    for (const message of messages) this.judge(message.slice(Math.max(0, message.indexOf("CEF:"))));
    if (this.lines > before) this.arrivals.push({ at: Date.now(), lines: this.lines - before });
  }

  private judge(line: string): void {
    let index: number | undefined;
    try {
      index = indexOfId(parseCef(line).extension.get("devicePayloadId") ?? "");
    } catch (error) {
      this.wrong.push(`${String(error)}: ${line.slice(0, 200)}`);
      return;
    }
    if (index === undefined || index >= this.offered) {
      this.wrong.push(`was never offered: ${line.slice(0, 200)}`);
      return;
    }
    if (index % COMPARED === 0 && line !== this.formatter.format(this.event(index))) this.wrong.push(`is not the line of event ${index}: ${line.slice(0, 200)}`);
    const times = this.times[index] ?? 0;
    this.times[index] = Math.min(255, times + 1);
    if (times > 0) {
      this.duplicates += 1;
      return;
    }
    this.arrived += 1;
    if (index < this.newest) this.disordered += 1;
    this.newest = Math.max(this.newest, index);
  }

  private event(index: number): FileEvent {
    const { count, startMs, stepUs } = this.backlog;
    return index === count && this.fresh !== undefined ? this.fresh : makeFileEvent(index, { insertedUs: startMs * 1000 + index * stepUs });
  }
}
