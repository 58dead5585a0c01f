/** Tells how safe a cursor is in each context store of settings.js. */
import { plain } from "../common/border";
import { isRecord } from "../common/messages";
import { cursorError } from "./errors";

/** What a crash of Node-RED leaves of a value: nothing, what was there `seconds` ago, or all of it. */
export type StoreSafety = { kind: "memory" } | { kind: "cached"; seconds: number } | { kind: "durable" } | { kind: "unknown" };

/** How safe each store is, by its name; `default` is the store of a key that names none. */
export type StoreTable = Record<string, StoreSafety & { name: string }>;

/**
 * Looks up a context store in `contextStorage` of settings.js (`undefined` as store: the default one). Throws
 * STORE_UNKNOWN, because Node-RED itself takes the default store in place of an unknown one without an error.
 */
export function storeSafety(contextStorage: unknown, store: string | undefined): StoreSafety & { name: string } {
  const stores = isRecord(contextStorage) && Object.keys(contextStorage).length > 0 ? contextStorage : { memory: { module: "memory" } };
  const names = Object.keys(stores);
  const fallback = !Object.hasOwn(stores, "default") ? names[0] : typeof stores["default"] === "string" ? stores["default"] : "default";
  const name = store === undefined || store === "default" ? fallback ?? "memory" : store;
  if (!Object.hasOwn(stores, name)) throw cursorError("STORE_UNKNOWN", plain.params({ store: name, stores: names.join(", ") }), { permanent: true });
  const definition = stores[name];
  const module = isRecord(definition) ? definition["module"] : undefined;
  if (module === "memory") return { name, kind: "memory" };
  if (module !== "localfilesystem") return { name, kind: "unknown" };
  const config = isRecord(definition) && isRecord(definition["config"]) ? definition["config"] : {};
  if (config["cache"] === false) return { name, kind: "durable" };
  const interval = config["flushInterval"];
  return { name, kind: "cached", seconds: typeof interval === "number" ? interval : 30 };
}

/** All stores of `contextStorage`, for the edit form. */
export function storeTable(contextStorage: unknown): StoreTable {
  const names = isRecord(contextStorage) ? Object.keys(contextStorage) : [];
  return Object.fromEntries(["default", ...names].map((name) => [name, storeSafety(contextStorage, name)]));
}
