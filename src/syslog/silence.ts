/** Sees that the other side acknowledges nothing, although something waits for that. */
import type { Clock } from "../common/clock";

const LOOK_EVERY = 1000;
/** Milliseconds without an acknowledgement. */
export const SILENT_AFTER = 10_000;
export const GIVEN_UP_AFTER = 60_000;

export interface Watched {
  /** Something is not acknowledged. */
  readonly waits: boolean;
  /** Changes with each acknowledgement on a link. */
  readonly signs: number;
  /** Looks for acknowledgements. */
  look(): Promise<void>;
}

type State =
  | { is: "off" }
  /** `since` this link has something to acknowledge; `cancel` ends the timer to the next look. */
  | { is: "watching" | "silent"; since: number; signs: number; cancel: () => void };

export class Silence {
  private state: State = { is: "off" };
  /** The last acknowledgement, or when something began to wait for one; on whatever link. */
  private heardAt = 0;

  /** `changed` is called when silence begins and when it ends; `over` when it lasted too long. */
  constructor(
    private readonly clock: Clock,
    private readonly watched: Watched,
    private readonly changed: (silent: boolean) => void,
    private readonly over: () => void,
  ) {}

  get isSilent(): boolean {
    return this.state.is === "silent";
  }

  /** Since the last acknowledgement; 0 while nothing waits for one. */
  get milliseconds(): number {
    return this.watched.waits ? this.clock.now() - this.heardAt : 0;
  }

  /** Something is about to be written. */
  watch(): void {
    if (this.state.is !== "off") return;
    const now = this.clock.now();
    if (!this.watched.waits) this.heardAt = now;
    this.lookAgain("watching", now, this.watched.signs);
  }

  /** The link is gone. */
  stop(): void {
    if (this.state.is !== "off") this.state.cancel();
    this.state = { is: "off" };
  }

  private lookAgain(is: "watching" | "silent", since: number, signs: number): void {
    const cancel = this.clock.after(LOOK_EVERY, () => void this.watched.look().then(() => {
      if (this.state === state) this.judge(state);
    }));
    const state = { is, since, signs, cancel };
    this.state = state;
  }

  private judge({ is, since, signs: before }: Exclude<State, { is: "off" }>): void {
    const { waits, signs } = this.watched;
    const now = this.clock.now();
    if (signs !== before) this.heardAt = now;
    const silentFor = waits ? now - Math.max(this.heardAt, since) : 0;
    const silent = silentFor >= SILENT_AFTER;
    if (waits) this.lookAgain(silent ? "silent" : "watching", since, signs);
    else this.state = { is: "off" };
    if (silent !== (is === "silent")) this.changed(silent);
    if (silentFor >= GIVEN_UP_AFTER) this.over();
  }
}
