/**
 * Who waits for which confirmation.
 *
 * A source opens a delivery of `count` units and sends messages that carry `msg.delivery = {token, index, count}`. A
 * sink that has delivered such a message confirms it here; a sink that took it into its queue holds it meanwhile, so
 * that the source does not take it for lost. The token is plain data, because messages are cloned; what is alive
 * stands here. A unit settles once: late, repeated and foreign confirmations are counted, never an error.
 *
 * A unit may be cut up by core `split` (also repeatedly). Node-RED then nests `msg.parts`, and the unit is confirmed
 * when all its parts are.
 */
import { randomBytes } from "node:crypto";
import { isDelivery, isMessageParts, type FlowMessage, type MessageParts } from "../messages";

export interface DeliveryListener {
  /** Unit `index` is delivered. Called once a unit. */
  confirmed(index: number): void;
  /** A sink or a `delivery-confirm` node refused unit `index`: it must be sent again. */
  rejected(index: number, reason: Error): void;
  /** A hold on unit `index` began (`held` true) or the last one ended without a confirmation (`held` false). */
  holdChanged(index: number, held: boolean): void;
}

/** What became of a confirmation: `partial` waits for other parts of the unit, `ignored` had nothing to settle. */
export type Settlement = "settled" | "partial" | "ignored";

export interface RegistryCounters {
  /** Confirmations and rejections of tokens that nobody waits for: an earlier run, a finished page, a foreign message. */
  unknown: number;
  /** Confirmations of units that were settled before. */
  repeated: number;
}

/** A unit, or a part of one: settled when told so, or when all the parts of one way of cutting it up are. */
interface Piece {
  settled: boolean;
  /** By the id of the sequence it was cut up into. */
  cuts: Map<string, { count: number | undefined; done: number; pieces: Map<number, Piece> }> | undefined;
}

interface Unit extends Piece {
  holds: number;
}

interface Entry {
  units: Map<number, Unit>;
  count: number;
  listener: DeliveryListener;
}

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

  /** Opens a delivery of `count` units (at least 1) and returns its token. */
  open(count: number, listener: DeliveryListener): string {
    const token = `${this.boot}:${this.next++}`;
    this.entries.set(token, { units: new Map(), count, listener });
    return token;
  }

  /** Forgets a delivery; what comes for it later is counted as unknown. */
  close(token: string): void {
    this.entries.delete(token);
  }

  /**
   * A sink took `message` over and will confirm it, reject it or release it. Returns the release function, which may
   * be called any number of times and after a confirmation.
   */
  hold(message: FlowMessage): () => void {
    const found = this.find(message);
    if (found === undefined) return noop;
    const { entry, unit, index } = found;
    if (unit.settled) return noop;
    unit.holds += 1;
    if (unit.holds === 1) entry.listener.holdChanged(index, true);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      unit.holds -= 1;
      if (unit.holds === 0 && !unit.settled) entry.listener.holdChanged(index, false);
    };
  }

  /** `message` was delivered. */
  confirm(message: FlowMessage): Settlement {
    const found = this.find(message);
    if (found === undefined) return this.unknown(message);
    const { entry, unit, index, token } = found;
    if (unit.settled) return this.repeat();
    const path = splitPath(message.parts, token);
    if (path.length > 0 && !settlePart(unit, path)) return "partial";
    return this.settle(entry, unit, index);
  }

  /** All units of the page that `message` belongs to were delivered: for use behind `join`, which keeps one token. */
  confirmPage(message: FlowMessage): Settlement {
    const found = this.find(message);
    if (found === undefined) return this.unknown(message);
    const { entry } = found;
    let result: Settlement = "ignored";
    for (let index = 0; index < entry.count; index++) {
      const unit = unitOf(entry, index);
      if (!unit.settled) result = this.settle(entry, unit, index);
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

  private settle(entry: Entry, unit: Unit, index: number): Settlement {
    unit.settled = true;
    unit.cuts = undefined;
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

function unitOf(entry: Entry, index: number): Unit {
  let unit = entry.units.get(index);
  if (unit === undefined) {
    unit = { settled: false, cuts: undefined, holds: 0 };
    entry.units.set(index, unit);
  }
  return unit;
}

/**
 * The sequences that a unit was cut up into, outermost first. The sequence of the source itself (its id is the token)
 * and everything around it is not part of the unit.
 */
function splitPath(parts: unknown, token: string): MessageParts[] {
  const path: MessageParts[] = [];
  let level = parts;
  while (isMessageParts(level) && level.id !== token && path.length < 32) {
    path.unshift(level);
    level = level.parts;
  }
  return path;
}

/** Marks the part at `path` as settled; true if that settles the whole of `piece`. */
function settlePart(piece: Piece, path: readonly MessageParts[]): boolean {
  const [step, ...rest] = path;
  if (step === undefined || piece.settled) {
    piece.settled = true;
    return true;
  }
  piece.cuts ??= new Map();
  let cut = piece.cuts.get(step.id);
  if (cut === undefined) {
    cut = { count: undefined, done: 0, pieces: new Map() };
    piece.cuts.set(step.id, cut);
  }
  // A streamed split tells the count with its last part only.
  if (typeof step.count === "number") cut.count = step.count;
  let child = cut.pieces.get(step.index);
  if (child === undefined) {
    child = { settled: false, cuts: undefined };
    cut.pieces.set(step.index, child);
  }
  if (!child.settled && settlePart(child, rest)) {
    child.settled = true;
    child.cuts = undefined;
    cut.done += 1;
  }
  return cut.count !== undefined && cut.done >= cut.count;
}

const KEY = Symbol.for("@security-events/node-red-siem/delivery@1");

/**
 * The registry of this process. It is the one piece of process-wide state: a sink must reach the page of a query node
 * that was deployed before or after it, also when two copies of this package are installed.
 */
export function deliveryRegistry(): DeliveryRegistry {
  const holder = globalThis as { [KEY]?: DeliveryRegistry };
  holder[KEY] ??= new DeliveryRegistry();
  return holder[KEY];
}
