/** Shows the cursor of a running query in the edit dialog, and moves it from there. */
import type { CursorStore } from "../../cursor/context-store";
import type { StoreSafety } from "../../cursor/store-safety";
import { queryError } from "../errors";
import type { QueryRunner } from "./query-runner";
import type { Lease, LeaseState } from "../../cursor/lease";
import { plain, printable, type Printable } from "../../common/border";
import type { CursorType } from "./query-settings";

/** Where a query keeps its cursor. */
export interface CursorPlace {
  scope: CursorType;
  key: string;
  /** What a crash leaves of it in Node-RED's context. */
  safety?: StoreSafety & { name: string };
  store: CursorStore;
  /** Reads the same place without changing what `store` knows of it. */
  peek: () => Promise<string | undefined>;
  release: () => void;
  /** Of a shared cursor. */
  shared?: { lease: Lease; connection: string; revision: () => number | undefined };
}

export interface CursorReport {
  /** `none` for a query that keeps no cursor; the rest is missing then. */
  scope: CursorPlace["scope"];
  key?: string;
  store?: StoreSafety & { name: string };
  /** Null as long as there is no cursor. ISO 8601, UTC. */
  cursor?: { floor: string; lastInserted: string | null; ids: number } | null;
  /** The longest that an event needed to become searchable; null before two polls were made. */
  latenessSeconds?: number | null;
  pagesOut?: number;
  /** Of `pagesOut`. */
  pagesHeld?: number;
  /** Of a shared cursor: the connection's name, who has the lease since when (ISO 8601 by the clock of the holder), and the revision in the bucket. */
  shared?: { connection: Printable; phase: LeaseState["phase"]; holder: Printable | null; since: string | null; revision: number | null };
}

export class CursorPanel {
  constructor(private readonly runner: QueryRunner, private readonly place: CursorPlace) {}

  /** Throws CURSOR_UNREADABLE and CURSOR_OTHER_STREAM; changes nothing. */
  async report(): Promise<CursorReport> {
    const { runner, place: { scope, key, safety, peek } } = this;
    if (scope === "none") return { scope };
    const cursor = await runner.keeper.peek(peek);
    const { polls, largestLatenessSeconds, pagesOut, pagesHeld } = runner.figures;
    return {
      scope, key,
      ...(safety === undefined ? {} : { store: safety }),
      ...this.sharedReport(),
      cursor: cursor === undefined ? null : {
        floor: new Date(cursor.floorMs).toISOString(),
        lastInserted: cursor.lastMs === undefined ? null : new Date(cursor.lastMs).toISOString(),
        ids: cursor.size,
      },
      latenessSeconds: polls < 2 ? null : Math.ceil(largestLatenessSeconds),
      pagesOut, pagesHeld,
    };
  }

  private sharedReport(): Pick<CursorReport, "shared"> {
    const { shared } = this.place;
    if (shared === undefined) return {};
    const { state } = shared.lease;
    const { holder = null, since } = { since: undefined, ...state } as { holder?: Printable; since: number | undefined };
    return {
      shared: {
        connection: printable(shared.connection, 80), phase: state.phase, holder,
        since: since === undefined ? null : new Date(since).toISOString(),
        revision: shared.revision() ?? null,
      },
    };
  }

  /** Resets or sets the cursor as `msg.action` does. Throws what that throws, and ACTION_UNKNOWN for any other action. */
  async move(action: unknown, cursor: unknown): Promise<CursorReport> {
    if (action !== "reset" && action !== "set") throw queryError("ACTION_UNKNOWN", plain.params({ choices: "reset, set", type: typeof action, value: "" }), { permanent: true });
    await this.runner.act({ action, cursor });
    return this.report();
  }
}
