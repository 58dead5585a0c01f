/**
 * What a link has to live through before its first confirmation, and what it gives back when it ends. A server that refuses
 * a client certificate, or closes at once, says so up to a round trip after the link is ready; a load balancer whose server
 * is away may hold a link for longer, and then closes it.
 */
import type { Clock } from "../common/clock";

/** A link that ended within so many milliseconds may have brought nothing through. */
const YOUNG = 60_000;

export class LinkLife {
  private readyAt = 0;
  /** Milliseconds from `readyAt` to the first confirmation. */
  private trial = 0;
  /** The least of it, because of the link before. */
  private suspicion = 0;

  constructor(private readonly clock: Clock) {}

  /** A link is ready after `connecting` ms: several round trips, and the refusal takes one. */
  begin(connecting: number): void {
    this.readyAt = this.clock.now();
    this.trial = Math.max(2 * connecting, this.suspicion);
  }

  /** The server has accepted our certificate, or had the time to refuse it. */
  accepted(): void {
    this.trial = this.suspicion;
  }

  /** The link that began last has ended. */
  end(): void {
    const life = this.clock.now() - this.readyAt;
    this.suspicion = life < YOUNG ? Math.min(2 * life, YOUNG) : 0;
  }

  /** Milliseconds until the link may confirm; not above 0 if it may. */
  get unproven(): number {
    return this.readyAt + this.trial - this.clock.now();
  }

  /** If it ended now, all that it carried would count as lost. */
  get isYoung(): boolean {
    return this.clock.now() - this.readyAt < YOUNG;
  }
}
