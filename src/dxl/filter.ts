/**
 * Topic filters as a DXL fabric understands them: an exact topic, or a topic that ends in `#` (MQTT 3.1.1 section
 * 4.7.1.2). The brokers of a fabric exchange exact topics and `#` only, so `+` silently misses events of other brokers.
 */
import { plain, printable } from "../common/border";
import { fabricError } from "./fabric-errors";

const LONGEST = 65_535;

/** The filter without white space at its ends. Throws FILTER_EMPTY, FILTER_PLUS, and FILTER_INVALID, on which a broker would close the connection. */
export function checkFilter(text: string): string {
  const filter = text.trim();
  if (filter === "") throw fabricError("FILTER_EMPTY", {}, { permanent: true });
  if (filter.split("/").includes("+")) throw fabricError("FILTER_PLUS", plain.params({ filter }), { permanent: true });
  const legal = /^[^#+\0]*$/.test(filter.replace(/(^|\/)#$/, "$1")) && Buffer.from(filter).toString() === filter && Buffer.byteLength(filter) <= LONGEST;
  if (!legal) throw fabricError("FILTER_INVALID", plain.params({ filter: printable(filter, 200) }), { permanent: true });
  return filter;
}

/** True if `filter` matches every topic of `other` (a topic or a filter). `a/#` matches `a` too; `#` matches no `$` topics (MQTT 3.1.1 section 4.7.2). */
export function covers(filter: string, other: string): boolean {
  if (!filter.endsWith("#")) return filter === other;
  const base = filter.slice(0, -1);
  return base === "" ? !other.startsWith("$") : other.startsWith(base) || other === base.slice(0, -1);
}

/** The fewest filters that match the same topics: a broker sends a copy of an event for each filter that matches. */
export function fewest(filters: Iterable<string>): Set<string> {
  const all = [...new Set(filters)];
  return new Set(all.filter((filter) => !all.some((other) => other !== filter && covers(other, filter))));
}
