/**
 * A node's access to the stream: opens it after each connect, and again after a failure.
 *
 *   away ──connected──► opening ──opened──► ready        stop() ends each of them in closed
 *    ▲                   ▲   │ failed         │ failed
 *    └─ connection lost  └─ paused ◄──────────┘
 */
import type { Clock } from "../common/clock";
import type { SiemError } from "../common/errors";
import type { LinkState, NatsLink, Session } from "./link";
import { Trouble } from "./trouble";

export interface Ready<Opened> {
  phase: "ready";
  session: Session;
  opened: Opened;
}

type Phase<Opened> =
  | { phase: "closed" | "away" | "opening" }
  | Ready<Opened>
  /** `cancel` ends the timer to the next attempt. */
  | { phase: "paused"; cancel: () => void };

export interface AccessDependencies<Opened> {
  link: NatsLink;
  clock: Clock;
  open(session: Session): Promise<Opened>;
  changed(): void;
  /** Called once for each cause in a series of failures. */
  trouble(error: SiemError): void;
}

export class Access<Opened> {
  readonly trouble: Trouble;
  private current: Phase<Opened> = { phase: "closed" };
  private leave: () => void = () => undefined;

  constructor(private readonly dependencies: AccessDependencies<Opened>) {
    this.trouble = new Trouble(dependencies.clock, (error) => dependencies.trouble(error));
  }

  get phase(): Phase<Opened>["phase"] {
    return this.current.phase;
  }

  get ready(): Ready<Opened> | undefined {
    return this.current.phase === "ready" ? this.current : undefined;
  }

  start(): void {
    this.enter({ phase: "away" });
    this.leave = this.dependencies.link.use((state) => this.linkChanged(state));
  }

  stop(): void {
    this.enter({ phase: "closed" });
    this.leave();
  }

  /** Work with `ready` failed. Ignored if another phase has begun. */
  failed(ready: Ready<Opened>, error: unknown): void {
    if (this.current === ready) this.pause(error);
  }

  private linkChanged(state: LinkState): void {
    if (this.phase === "closed") return;
    if (state.phase === "connected") void this.open(state.session);
    else this.enter({ phase: "away" });
  }

  private async open(session: Session): Promise<void> {
    const opening = { phase: "opening" } as const;
    this.enter(opening);
    try {
      const opened = await this.dependencies.open(session);
      if (this.current === opening) this.enter({ phase: "ready", session, opened });
    } catch (error) {
      if (this.current === opening) this.pause(error);
    }
  }

  private pause(error: unknown): void {
    const { link, clock } = this.dependencies;
    const cancel = clock.after(this.trouble.add(link.explain(error)), () => this.linkChanged(link.state));
    this.enter({ phase: "paused", cancel });
  }

  /** The only place that changes the phase. */
  private enter(next: Phase<Opened>): void {
    if ("cancel" in this.current) this.current.cancel();
    this.current = next;
    this.dependencies.changed();
  }
}
