/**
 * Keeps a cursor in two places that do not share a file, so that a write torn by a power cut never means "start over".
 *
 * Node-RED's file store replaces a file without syncing it and reads an empty one as "nothing stored". Every commit is
 * therefore written to the spare slot and then to the main one; reading takes the newest valid copy. A spare copy beside
 * a valid main one counts only if both have the same beginning: one that an earlier use of the key left there may be
 * ahead of a cursor that somebody has set back.
 */
import { plain } from "../common/border";
import { SiemError } from "../common/errors";
import type { CursorSlot, CursorStore } from "./context-store";
import { cursorMark, type CursorMark } from "./cursor";
import { cursorError } from "./errors";

/** What a slot holds; `error` says why its value cannot be used at all. */
interface Content {
  text: string | undefined;
  error?: SiemError;
}

/** The scopes of Node-RED's context. */
export type ContextScope = "global" | "flow" | "node";

/**
 * The place of the spare slot of a cursor: another scope, because each scope has its own file. In global context it
 * also survives when the node moves to another tab; its key names the scope and the node there.
 */
export function spareSlot(scope: ContextScope, key: string, nodeId: string): { scope: ContextScope; key: string } {
  if (scope === "global") return { scope: "node", key: `${key}_spare` };
  return { scope: "global", key: `${key}_${scope}_${nodeId.replace(/\W/g, "_")}` };
}

export class TwoSlotStore implements CursorStore {
  /** What the main slot holds when the spare one was read in its place. */
  private overruled: Content | undefined;

  /** Calls `restored` when the main slot is missing or damaged and the spare one takes its place. */
  constructor(
    private readonly main: CursorSlot,
    private readonly spare: CursorSlot,
    private readonly key: string,
    private readonly restored: () => void,
  ) {}

  async read(): Promise<string | undefined> {
    const main = await readSlot(this.main);
    const spare = await readSlot(this.spare);
    const [mainMark, spareMark] = [markOf(main), markOf(spare)];
    const ahead = spareMark !== undefined && (mainMark === undefined || (spareMark.line === mainMark.line && spareMark.count > mainMark.count));
    this.overruled = ahead ? main : undefined;
    if (ahead) {
      if (mainMark === undefined) this.restored();
      return spare.text;
    }
    if (main.error !== undefined) throw main.error;
    return main.text;
  }

  /** Nobody else writes to the context. */
  look(): Promise<string | undefined> {
    return this.read();
  }

  async commit(expected: string | undefined, next: string | undefined): Promise<void> {
    const { text } = await readSlot(this.main).catch((error: Error) => {
      throw cursorError("CURSOR_NOT_SAVED", plain.params({ key: this.key, reason: error.cause ?? error }), { cause: plain.cause(error) });
    });
    if (text !== (this.overruled === undefined ? expected : this.overruled.text)) throw cursorError("CURSOR_CHANGED", plain.params({ key: this.key }), { permanent: true });
    await this.overwrite(next);
  }

  async overwrite(next: string | undefined): Promise<void> {
    await this.spare.overwrite(next);
    await this.main.overwrite(next);
    this.overruled = undefined;
  }
}

const markOf = ({ text }: Content): CursorMark | undefined => (text === undefined ? undefined : cursorMark(text));

/** Rethrows the error of a store that fails; a value that is no text is a damaged slot. */
async function readSlot(slot: CursorSlot): Promise<Content> {
  try {
    return { text: await slot.read() };
  } catch (error) {
    if (error instanceof SiemError && error.permanent) return { text: undefined, error };
    throw error;
  }
}
