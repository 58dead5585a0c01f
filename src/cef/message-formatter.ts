/** Formats messages for one node: counts what became of their events, and tells their source what is held of them. */
import { plain } from "../common/border";
import { SiemError } from "../common/errors";
import type { FlowMessage } from "../common/messages";
import { payloadBytes } from "../common/retained-bytes";
import type { InHand } from "../delivery/in-hand";
import type { DeliveryRegistry } from "../delivery/registry";
import type { Figures } from "../metrics/table";
import { PackedEvents } from "../pages/packed-events";
import { PackedLines } from "../pages/packed-lines";
import { cefError } from "./errors";
import { MOST_BYTES, type FormatFailure, type FormatQueue } from "./queue";
import type { ChooseFormatter } from "./settings";

interface FormatterDependencies {
  queue: FormatQueue;
  inHand: InHand;
  registry: Pick<DeliveryRegistry, "reject">;
}

/** The line of an event, or one for each event of a page in the same order, and the events that got only a minimal line. */
interface Formatted {
  lines: string | string[] | PackedLines;
  failures: readonly FormatFailure[];
}

export class MessageFormatter {
  formatted = 0;
  unformatted = 0;
  private received = 0;
  private readonly dropped = { queue_full: 0, stopped: 0, unusable: 0 };

  /** `property` is where messages have their events. */
  constructor(private readonly property: string, private readonly chooseFormatter: ChooseFormatter, private readonly dependencies: FormatterDependencies) {}

  get figures(): Figures {
    return { received: this.received, sent: this.formatted, failed: this.unformatted, dropped: { ...this.dropped }, waiting: this.dependencies.queue.events };
  }

  /**
   * Formats `value`, the event or the page of events in `message`; undefined if it has none. Calls `finished` once, perhaps
   * at once: with the lines, or with the error PROPERTY_MISSING, KIND_MISSING, KIND_UNKNOWN, PROFILE_KIND, FORMAT_QUEUE_FULL
   * (a page of a query is then sent again), STOPPED, or that of a page that cannot be read.
   */
  push(message: FlowMessage, value: unknown, finished: (result: Formatted | { error: unknown }) => void): void {
    const { queue, inHand, registry } = this.dependencies;
    const packed = value instanceof PackedEvents ? value : undefined;
    const isPage = packed !== undefined || Array.isArray(value);
    const events = packed?.length ?? (Array.isArray(value) ? value.length : 1);
    this.received += events;
    let ready: PackedLines | undefined;
    let release: () => void = () => undefined;
    const drop = (reason: keyof typeof this.dropped, error: unknown) => {
      release();
      this.dropped[reason] += events;
      finished({ error });
    };
    try {
      if (value === undefined) throw cefError("PROPERTY_MISSING", plain.params({ property: this.property }));
      const formatter = this.chooseFormatter(message.kind);
      ready = packed?.takeLines(formatter);
      // The events of a packed page are compressed and its query counts them; its lines are not.
      const bytes = packed === undefined ? payloadBytes(value, MOST_BYTES) : ready?.bytes ?? 0;
      release = inHand.take(message["_msgid"], events, bytes);
      queue.push({
        events, bytes, formatter, ready,
        slices: packed?.slices() ?? [Array.isArray(value) ? value : [value]].values(),
        finished: (lines, failures) => {
          this.formatted += lines.length - failures.length;
          this.unformatted += failures.length;
          finished({ lines: lines instanceof PackedLines || isPage ? lines : lines[0]!, failures });
          release();
        },
        failed: (error) => drop("unusable", error),
        abandoned: () => drop("stopped", cefError("STOPPED")),
      });
    } catch (error) {
      ready?.release();
      const isFull = error instanceof SiemError && error.code === "FORMAT_QUEUE_FULL";
      drop(isFull ? "queue_full" : "unusable", error);
      if (isFull) registry.reject(message, error);
    }
  }
}
