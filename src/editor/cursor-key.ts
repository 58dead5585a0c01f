/** Proposes a cursor key that no other query uses. */

/** The properties of a `code42-query` that decide where its cursor is kept. */
export interface CursorOwner {
  id: string;
  type: string;
  /** The tab. */
  z: string;
  source: string;
  /** As a typedInput stores it, with the context store in front: `#:(store)::key`. */
  cursor?: string;
  cursorType?: string;
  /** Id of the NATS connection of a shared cursor. */
  connection?: string;
}

const STORE = /^#:\((.*?)\)::/;

/** The key in a property `cursor`, without the store. */
export const keyOf = (cursor: string): string => cursor.replace(STORE, "");

/** The cursor's place in the context or in NATS; undefined if no other node can reach it. */
function placeOf({ z, cursor = "", cursorType = "global", connection = "" }: CursorOwner): string | undefined {
  if (cursorType === "shared") return JSON.stringify([`shared ${connection}`, keyOf(cursor)]);
  if (cursorType !== "global" && cursorType !== "flow") return undefined;
  return JSON.stringify([cursorType === "flow" ? z : "", STORE.exec(cursor)?.[1] ?? "default", keyOf(cursor)]);
}

/**
 * The property `cursor` that `node` should have. It keeps its own, unless it has none or one of `others` uses the same
 * place: then it gets a readable key of its own. So a copied node never shares a cursor.
 */
export function proposeCursor(node: CursorOwner, others: readonly CursorOwner[]): string {
  const { id, source, cursor = "" } = node;
  const place = placeOf(node);
  const taken = place !== undefined && others.some((other) => other.type === node.type && other.id !== id && Boolean(other.cursor) && placeOf(other) === place);
  if (cursor !== "" && !taken) return cursor;
  return `${STORE.exec(cursor)?.[0] ?? ""}code42_${source.replace(/\W/g, "_")}_${id.slice(0, 6)}`;
}
