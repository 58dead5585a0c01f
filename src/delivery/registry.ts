/**
 * Knows who waits for the confirmation of which message, and by which sinks.
 *
 * A source opens a delivery of `count` units and sends messages that carry `msg.delivery = {token, index, count}`. A
 * sink that has delivered such a message confirms it here; a sink that took it into its queue holds it meanwhile, so
 * that the source does not take it for lost. The token is plain data, because messages are cloned; the state is here.
 * A unit settles once: late, repeated and foreign confirmations are counted, never an error.
 *
 * A delivery that goes to several sinks either asks for one of them, whichever confirms first, or names those that must
 * all confirm. Sinks are named by node id; a node of a subflow by the id that it has in the subflow's template.
 *
 * A unit may be cut up by core `split` (also repeatedly). Node-RED then nests `msg.parts`, and the unit is confirmed
 * when all its parts are.
 */
import { randomBytes } from "node:crypto";
import { processWide } from "../common/process-wide";
import { isDelivery, isMessageParts, type FlowMessage, type MessageParts } from "../common/messages";

export interface DeliveryListener {
  /** All sinks that must confirm unit `index` have confirmed it. Called once for each unit. */
  confirmed(index: number): void;
  /** A part of a unit was confirmed, or one of several sinks confirmed it. */
  progressed?(): void;
  /** A sink or a `delivery-confirm` node refused unit `index`: it must be sent again. */
  rejected(index: number, reason: Error): void;
  /** Now every sink that unit `index` waits for has it in hand (`held` true), or no longer (`held` false). */
  holdChanged(index: number, held: boolean): void;
}

/** What became of a confirmation: `partial` waits for other parts or sinks, `ignored` had nothing to settle. */
export type Settlement = "settled" | "partial" | "ignored";

export interface RegistryCounters {
  /** Confirmations and rejections of tokens that nobody waits for: an earlier run, a finished page, a foreign message. */
  unknown: number;
  /** Confirmations of units that were settled before. */
  repeated: number;
}

/** A unit, or a part of one. It is settled when it is confirmed, or when all parts of one split of it are. */
interface Piece {
  settled: boolean;
  /** By the id of the sequence that a split made of it. */
  cuts: Map<string, { count: number | undefined; done: number; pieces: Map<number, Piece> }> | undefined;
}

interface Unit {
  settled: boolean;
  held: boolean;
  /** By the key of the sink. */
  sinks: Map<string, { piece: Piece; holds: number }>;
}

interface Entry {
  units: Map<number, Unit>;
  count: number;
  listener: DeliveryListener;
  /** Whose confirmations are needed; ANY: whoever confirms first. */
  sinks: ReadonlySet<string>;
}

const ANY = "";
const ANY_SINK: ReadonlySet<string> = new Set([ANY]);

const noop = () => undefined;

export class DeliveryRegistry {
  /** Marks this process: a message from an earlier run never settles anything. */
  readonly boot = randomBytes(6).toString("hex");
  readonly counters: RegistryCounters = { unknown: 0, repeated: 0 };
  private readonly entries = new Map<string, Entry>();
  private next = 1;

  /** The number of deliveries that somebody waits for. */
  get size(): number {
    return this.entries.size;
  }

  /** Opens a delivery of `count` units (at least 1), which the `sinks` must all confirm (none: any one), and returns its token. */
  open(count: number, listener: DeliveryListener, sinks: readonly string[] = []): string {
    const token = `${this.boot}:${this.next++}`;
    this.entries.set(token, { units: new Map(), count, listener, sinks: sinks.length === 0 ? ANY_SINK : new Set(sinks) });
    return token;
  }

  /** The named sinks that have not confirmed all units of a delivery; empty where any one may confirm. */
  missing(token: string): string[] {
    const entry = this.entries.get(token);
    if (entry === undefined || entry.sinks === ANY_SINK) return [];
    const indexes = Array.from({ length: entry.count }, (_, index) => index);
    const isOpen = (sink: string) => indexes.some((index) => {
      const unit = entry.units.get(index);
      return unit?.settled !== true && unit?.sinks.get(sink)?.piece.settled !== true;
    });
    return [...entry.sinks].filter(isOpen);
  }

  /** Forgets a delivery; what comes for it later is counted as unknown. */
  close(token: string): void {
    this.entries.delete(token);
  }

  /**
   * `sink` took `message` over and will confirm it, reject it or release it. Returns the release function, which may be
   * called any number of times and after a confirmation.
   */
  hold(message: FlowMessage, sink = ANY): () => void {
    const found = this.find(message);
    if (found === undefined) return noop;
    const { entry, unit, index } = found;
    const share = shareOf(entry, unit, sink);
    if (share === undefined || unit.settled) return noop;
    share.holds += 1;
    tellHolds(entry, unit, index);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      share.holds -= 1;
      tellHolds(entry, unit, index);
    };
  }

  /** True if `sink` has confirmed this very message and others have not yet: it need not deliver it again. */
  hasConfirmed(message: FlowMessage, sink: string): boolean {
    const found = this.find(message);
    if (found === undefined || found.entry.sinks === ANY_SINK) return false;
    return isSettled(found.unit.sinks.get(sink)?.piece, splitPath(message.parts, found.token));
  }

  /** `sink` delivered `message`. Without a name it counts only where any sink may confirm. */
  confirm(message: FlowMessage, sink = ANY): Settlement {
    const found = this.find(message);
    if (found === undefined) return this.unknown(message);
    const { entry, unit, index, token } = found;
    const share = shareOf(entry, unit, sink);
    if (share === undefined) return this.unknown(message);
    if (unit.settled || share.piece.settled) return this.repeat();
    if (settlePart(share.piece, splitPath(message.parts, token))) return this.settle(entry, unit, index);
    entry.listener.progressed?.();
    return "partial";
  }

  /** `sink` delivered all units of the page that `message` belongs to: for use behind `join`, which keeps one token. */
  confirmPage(message: FlowMessage, sink = ANY): Settlement {
    const found = this.find(message);
    if (found === undefined) return this.unknown(message);
    const { entry } = found;
    let result: Settlement = "ignored";
    for (let index = 0; index < entry.count; index++) {
      const unit = unitOf(entry, index);
      const share = shareOf(entry, unit, sink);
      if (share === undefined) return this.unknown(message);
      if (unit.settled || share.piece.settled) continue;
      settlePart(share.piece, []);
      result = this.settle(entry, unit, index);
    }
    return result === "ignored" ? this.repeat() : result;
  }

  /** `message` was not delivered and must be sent again. */
  reject(message: FlowMessage, reason: Error): Settlement {
    const found = this.find(message);
    if (found === undefined) return this.unknown(message);
    if (found.unit.settled) return this.repeat();
    found.entry.listener.rejected(found.index, reason);
    return "settled";
  }

  /** One sink is done with the unit; settles it if that was the last one. */
  private settle(entry: Entry, unit: Unit, index: number): Settlement {
    if (![...entry.sinks].every((sink) => unit.sinks.get(sink)?.piece.settled === true)) {
      entry.listener.progressed?.();
      tellHolds(entry, unit, index);
      return "partial";
    }
    unit.settled = true;
    unit.sinks = new Map();
    entry.listener.confirmed(index);
    return "settled";
  }

  private repeat(): Settlement {
    this.counters.repeated += 1;
    return "ignored";
  }

  private unknown(message: FlowMessage): Settlement {
    if (message.delivery !== undefined) this.counters.unknown += 1;
    return "ignored";
  }

  private find(message: FlowMessage) {
    const { delivery } = message;
    if (!isDelivery(delivery)) return undefined;
    const entry = this.entries.get(delivery.token);
    if (entry === undefined || delivery.count !== entry.count) return undefined;
    return { entry, unit: unitOf(entry, delivery.index), index: delivery.index, token: delivery.token };
  }
}

/** What `map` holds under `key`, made when it is asked for first. */
function valueAt<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

const unitOf = ({ units }: Entry, index: number): Unit => valueAt(units, index, () => ({ settled: false, held: false, sinks: new Map() }));

const newPiece = (): Piece => ({ settled: false, cuts: undefined });

/** What `sink` has of a unit; undefined if its confirmation is not asked for. */
function shareOf({ sinks }: Entry, unit: Unit, sink: string) {
  const key = sinks === ANY_SINK ? ANY : sink;
  return sinks.has(key) ? valueAt(unit.sinks, key, () => ({ piece: newPiece(), holds: 0 })) : undefined;
}

function tellHolds({ sinks, listener }: Entry, unit: Unit, index: number): void {
  if (unit.settled) return;
  const held = [...sinks].every((sink) => {
    const share = unit.sinks.get(sink);
    return share !== undefined && (share.piece.settled || share.holds > 0);
  });
  if (held === unit.held) return;
  unit.held = held;
  listener.holdChanged(index, held);
}

/**
 * The sequences that splits made of a unit, outermost first. The sequence of the source itself (its id is the token, or
 * was until core `batch` wrote its own over it) and everything around it is not part of the unit.
 */
export function splitPath(parts: unknown, token: string): MessageParts[] {
  const path: MessageParts[] = [];
  let level = parts;
  while (isMessageParts(level) && level.id !== token && level["token"] !== token && path.length < 32) {
    path.unshift(level);
    level = level.parts;
  }
  return path;
}

/** True if the part at `path` of `piece` was settled before. */
function isSettled(piece: Piece | undefined, path: readonly MessageParts[]): boolean {
  if (piece === undefined || piece.settled) return piece?.settled === true;
  const [step, ...rest] = path;
  return step !== undefined && isSettled(piece.cuts?.get(step.id)?.pieces.get(step.index), rest);
}

/** Marks the part at `path` as settled; true if that settles the whole of `piece`. */
function settlePart(piece: Piece, path: readonly MessageParts[]): boolean {
  const [step, ...rest] = path;
  if (step === undefined || piece.settled) {
    piece.settled = true;
    piece.cuts = undefined;
    return true;
  }
  piece.cuts ??= new Map();
  const cut = valueAt(piece.cuts, step.id, () => ({ count: undefined, done: 0, pieces: new Map() }));
  // A streamed split gives the count only with its last part.
  if (typeof step.count === "number") cut.count = step.count;
  const child = valueAt(cut.pieces, step.index, newPiece);
  if (!child.settled && settlePart(child, rest)) cut.done += 1;
  if (cut.count === undefined || cut.done < cut.count) return false;
  piece.settled = true;
  piece.cuts = undefined;
  return true;
}

/**
 * The registry of this process: a sink must reach the page of a query node that was deployed before or after it, also
 * when two copies of this package are installed.
 */
export const deliveryRegistry = (): DeliveryRegistry => processWide("delivery@1", () => new DeliveryRegistry());
