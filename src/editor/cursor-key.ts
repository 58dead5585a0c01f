/** A cursor key for a new query that no other query has. */

/** The properties of a `code42-query` that decide where its cursor is kept. */
export interface CursorOwner {
  id: string;
  type: string;
  /** The tab. */
  z: string;
  source: string;
  /** With the store in front of it, as a typedInput holds it: `#:(store)::key`. */
  cursor?: string;
  cursorType?: string;
}

const STORE = /^#:\((.*?)\)::/;

/** The key of a property `cursor`, without its store. */
export const keyOf = (cursor: string): string => cursor.replace(STORE, "");

/** Where the cursor stands; undefined where no other node can reach it. */
function placeOf({ z, cursor = "", cursorType = "global" }: CursorOwner): string | undefined {
  if (cursorType !== "global" && cursorType !== "flow") return undefined;
  return JSON.stringify([cursorType === "flow" ? z : "", STORE.exec(cursor)?.[1] ?? "default", keyOf(cursor)]);
}

/**
 * The property `cursor` that `node` should have: its own one, or where it has none or `others` have the same in the same
 * place, a readable one of its own, so that a copied node never shares a cursor.
 */
export function proposeCursor(node: CursorOwner, others: readonly CursorOwner[]): string {
  const { id, source, cursor = "" } = node;
  const place = placeOf(node);
  const taken = place !== undefined && others.some((other) => other.type === node.type && other.id !== id && Boolean(other.cursor) && placeOf(other) === place);
  if (cursor !== "" && !taken) return cursor;
  return `${STORE.exec(cursor)?.[0] ?? ""}code42_${source.replace(/\W/g, "_")}_${id.slice(0, 6)}`;
}
