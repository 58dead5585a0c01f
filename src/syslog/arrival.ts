/**
 * How far the peer's TCP has acknowledged what one link handed over. Where the system does not tell, hand-over counts as
 * acknowledgement: then only time confirms (RFC 6587 section 3.1: syslog over TCP has no acknowledgement of its own).
 */
import type { Acknowledgements } from "./tcp-table";
import type { Ends } from "./transport";

type Source =
  /** Whether the system tells is not known yet, so nothing counts as acknowledged. */
  | { is: "asked" }
  | { is: "none" }
  /** `missing` at the last reading. */
  | { is: "table"; table: Acknowledgements; missing: number };

export class Arrival {
  /** Grows whenever something more was acknowledged, on a link that is full too. */
  signs = 0;
  /** Bytes from the start of the link. Write callbacks fired for the first, and of these the second are acknowledged. */
  private handed = 0;
  private acknowledged = 0;
  private source: Source = { is: "asked" };
  private readonly asked: Promise<void>;
  private pending: Promise<void> | undefined;

  /** Without `table` nothing is told; `untold` is called then, and where the system does not tell. A link without `ends` is gone. */
  constructor(table: Acknowledgements | undefined, private readonly ends: Ends | undefined, untold: () => void) {
    this.asked = this.ask(table).then((source) => {
      this.source = source;
      if (source.is === "table") return;
      this.acknowledgeTo(this.handed);
      untold();
    });
  }

  /** The system tells what the peer has acknowledged. */
  get hasEvidence(): boolean {
    return this.source.is === "table";
  }

  /** The kernel took so many bytes more. Returns the offset just past them. */
  handedOver(bytes: number): number {
    this.handed += bytes;
    if (this.source.is === "none") this.acknowledgeTo(this.handed);
    return this.handed;
  }

  /** The bytes up to this offset are acknowledged. */
  covers(offset: number): boolean {
    return offset <= this.acknowledged;
  }

  /** Looks what the peer has acknowledged by now. */
  look(): Promise<void> {
    return this.pending ??= this.read().finally(() => { this.pending = undefined; });
  }

  private async ask(table: Acknowledgements | undefined): Promise<Source> {
    return table !== undefined && await table.tell() ? { is: "table", table, missing: 0 } : { is: "none" };
  }

  private async read(): Promise<void> {
    await this.asked;
    const { source, ends } = this;
    if (source.is !== "table" || ends === undefined) return;
    // What is missing are the last bytes of those handed over before, or bytes that came after them. Under TLS the peer
    // counts more bytes than we do, so less counts as acknowledged than is.
    let handed = 0;
    const missing = await source.table.missing(ends, () => { handed = this.handed; });
    if (missing === undefined) return;
    if (missing < source.missing) this.signs += 1;
    source.missing = missing;
    this.acknowledgeTo(handed - missing);
  }

  private acknowledgeTo(offset: number): void {
    if (offset <= this.acknowledged) return;
    this.acknowledged = offset;
    this.signs += 1;
  }
}
