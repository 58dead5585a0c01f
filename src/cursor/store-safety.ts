/** What a crash of Node-RED leaves of a value: nothing, what was there `seconds` ago, or all of it. */
export type StoreSafety = { kind: "memory" } | { kind: "cached"; seconds: number } | { kind: "durable" } | { kind: "unknown" };

/** How safe each store is, by its name, and under `default` the one that a key without a store goes to. */
export type StoreTable = Record<string, StoreSafety & { name: string }>;
