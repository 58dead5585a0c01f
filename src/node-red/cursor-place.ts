/** Where a query node keeps its cursor: a key of Node-RED's context, with a spare slot, or of a bucket in NATS. It claims the key. */
import type { CursorPlace } from "../code42/query/cursor-panel";
import type { NodeQuerySettings } from "../code42/query/query-settings";
import { ContextSlot, cursorKey, noStore, type ContextAccess, type CursorClaims } from "../cursor/context-store";
import { storeSafety } from "../cursor/store-safety";
import { TwoSlotStore, spareSlot, type ContextScope } from "../cursor/two-slot-store";
import { plain } from "../common/border";
import { systemClock } from "../common/clock";
import type { Params, SiemError } from "../common/errors";
import { bucketKey } from "../scale-out/bucket";
import { NatsLease } from "../scale-out/lease";
import type { NatsLink } from "../scale-out/link";
import { SharedCursor } from "../scale-out/shared-cursor";

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
  /** An error that no message waits for. */
  error: (error: SiemError) => void;
  /** The NATS connection with this id. Throws CONNECTION_MISSING, and the errors of its settings. */
  link: (connection: string) => NatsLink;
  nodeName: (id: string) => string;
}

type CursorSettings = Pick<NodeQuerySettings, "cursorType" | "cursor" | "connection" | "leaseSeconds">;

const nowhere: CursorPlace = { scope: "none", key: "", store: noStore, peek: async () => undefined, release: () => undefined };

/** Claims the place of a cursor. Throws CURSOR_KEY_INVALID, STORE_UNKNOWN, CURSOR_IN_USE, and what `link` throws. */
export function cursorPlace(host: CursorHost, settings: CursorSettings): CursorPlace {
  const { cursorType, cursor } = settings;
  if (cursorType === "none") return nowhere;
  const { id, warn } = host;
  const { key, store } = host.parseContextStore(cursor);
  cursorKey(key);
  if (cursorType === "shared") return sharedPlace(host, key, settings);
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

function sharedPlace(host: CursorHost, key: string, { connection, leaseSeconds }: CursorSettings): CursorPlace {
  const link = host.link(connection);
  const release = host.claims.claim(`shared ${connection} ${key}`, key, { id: host.id, name: host.name });
  const store = new SharedCursor(link, key);
  const lease = new NatsLease(link, bucketKey("lease", key), leaseSeconds, { clock: systemClock, report: (error) => host.error(error) });
  return { scope: "shared", key, release, store, peek: () => store.look(), shared: { lease, connection: host.nodeName(connection), revision: () => store.revision } };
}
