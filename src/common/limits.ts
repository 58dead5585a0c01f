/**
 * The bounds of what comes from outside (answers, files, forms), each with its reason. They are checked while bytes are
 * inflated and before they are parsed.
 */
const MIB = 2 ** 20;

/** Megabytes as texts show them. */
export const inMegabytes = (bytes: number): number => Math.round(bytes / MIB);

/** A sign-in, the customer, the address of a service, a refusal, a provisioning package: a few kB in practice. */
export const SHORT_ANSWER_BYTES = MIB;

/**
 * JSON that is parsed as a whole: one event, or what stands around a list. 2 MiB of the smallest objects take 180 ms and
 * 47 MB; 16 MiB took 2 s and 358 MB.
 */
export const WHOLE_JSON_BYTES = 2 * MIB;

/** Levels of JSON. JSON.stringify overflows the stack at some thousands; no product nests deeper than 10. */
export const JSON_DEPTH = 64;

/** A page or list that is read in slices, after inflating: 10,000 events, the API's maximum, of 26 kB. */
export const LIST_BYTES = 256 * MIB;

/** The same before inflating, because the received bytes stay in memory. Compression makes a tenth of JSON; where a proxy removes it, these are 10,000 events of 3 kB. */
export const RECEIVED_LIST_BYTES = 32 * MIB;

/**
 * Values in all events of an answer: 10,000 events of 200. Each becomes an object or property of some 65 bytes that V8
 * keeps until it collects all garbage, and it lets its heap grow to four times the size before.
 */
export const LIST_VALUES = 2_000_000;

/** JSON texts that a source keeps of a list whose answers cannot be read again: 5,000 new events of 3 kB. A character may take two bytes. */
export const KEPT_CHARACTERS = 16 * MIB;

/** Pages of one list: a server that never ends its list must not be read for ever. */
export const LIST_PAGES = 2000;

/** A shared cursor, inflated: 80,000 ids of 14 bytes, and 12 bytes for each second of a day. */
export const CURSOR_BYTES = 4 * MIB;

/** The id of an event, which is the token of the next page, has some 100 characters. */
export const PAGE_TOKEN_CHARACTERS = 1024;

/** A file that a dialog or a configuration names: configurations and certificates have a few kB. */
export const FILE_BYTES = MIB;

/** Brokers of a fabric: large ones have some dozens. */
export const BROKERS = 1000;

/**
 * A secret that is searched for in texts: the largest private keys have 13 kB, tokens 12. To look for all forms of 1 MiB in
 * one text takes seconds.
 */
export const SECRET_CHARACTERS = 32 * 1024;

/** What an edit dialog sends: its longest part is a pasted event. Node-RED takes 5 MB, and checking them would hold up everybody. */
export const FORM_BYTES = MIB;

/** Own fields of a node, and steps of their paths: the table of a mapping has 60 rows, its longest path 4 steps. */
export const OWN_FIELDS = 200;
export const PATH_STEPS = 20;

/**
 * The body of a message in a stream after inflating, and what one item may have: NATS recommends messages of at most 8 MB.
 */
export const STREAM_BODY_BYTES = 8 * MIB;

/** Items of a message in a stream; we write at most that many. */
export const STREAM_ITEMS = 10_000;

/** JSON of the properties beside the payload, which every message of a page in a stream carries: a few hundred bytes in practice. */
export const STREAM_PROPERTIES_BYTES = 64 * 1024;
