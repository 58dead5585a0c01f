/** Where a query node keeps its cursor: a key of Node-RED's context that it claims, and a spare slot. */
import type { CursorPlace } from "../code42/query/cursor-panel";
import type { CursorType } from "../code42/query/query-settings";
import { ContextSlot, cursorKey, noStore, type ContextAccess, type CursorClaims } from "../cursor/context-store";
import { storeSafety } from "../cursor/store-safety";
import { TwoSlotStore, spareSlot, type ContextScope } from "../cursor/two-slot-store";
import { plain } from "../common/border";
import type { Params } from "../common/errors";

/** The parts of Node-RED and of the node that we need. */
interface CursorHost {
  id: string;
  /** Id of the flow. */
  z: string | undefined;
  name: string;
  context: () => ContextAccess & Record<Exclude<ContextScope, "node">, ContextAccess>;
  parseContextStore: (cursor: string) => { key: string; store?: string };
  /** `contextStorage` of settings.js. */
  contextStorage: unknown;
  claims: CursorClaims;
  warn: (key: string, params: Params) => void;
}

const nowhere: CursorPlace = { scope: "none", key: "", safety: undefined, store: noStore, peek: async () => undefined, release: () => undefined };

/** Claims the place of a cursor. Throws CURSOR_KEY_INVALID, STORE_UNKNOWN, CURSOR_IN_USE. */
export function cursorPlace(host: CursorHost, cursorType: CursorType, cursor: string): CursorPlace {
  if (cursorType === "none") return nowhere;
  const { id, warn } = host;
  const { key, store } = host.parseContextStore(cursor);
  cursorKey(key);
  const safety = storeSafety(host.contextStorage, store);
  const scope = { global: "global", flow: `flow ${host.z}`, node: `node ${id}` }[cursorType];
  const release = host.claims.claim(`${scope} ${safety.name} ${key}`, key, { id, name: host.name });
  if (safety.kind === "memory") warn("warning.storeMemory", plain.params({ store: safety.name }));
  if (safety.kind === "cached") warn("warning.storeCached", plain.params({ store: safety.name, seconds: safety.seconds }));
  const context = host.context();
  const slot = (at: ContextScope, slotKey: string) => new ContextSlot(at === "node" ? context : context[at], slotKey, store);
  const spare = spareSlot(cursorType, key, id);
  const slots = (restored: () => void) => new TwoSlotStore(slot(cursorType, key), slot(spare.scope, spare.key), key, restored);
  return {
    scope: cursorType, key, safety, release,
    store: slots(() => warn("warning.cursorRestored", plain.params({ key, store: safety.name }))),
    peek: () => slots(() => undefined).read(),
  };
}
