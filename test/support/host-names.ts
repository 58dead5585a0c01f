/** Host names that exist in this process only. */
import { createRequire } from "node:module";
import { isIPv6 } from "node:net";

type Lookup = (name: string, options: { all?: boolean }, callback: (...answer: unknown[]) => void) => void;

/** The module itself: the sockets of Node look names up with its property `lookup`. */
const dns = createRequire(__filename)("node:dns") as { lookup: Lookup; promises: { lookup: (name: string, options?: { all?: boolean }) => Promise<unknown> } };

/** Resolves the names of `table` to their addresses, in that order, until the function that it returns is called. */
export function resolveNames(table: Record<string, string[]>): () => void {
  const { lookup, promises } = dns;
  const { lookup: lookupPromise } = promises;
  const addressesOf = (name: string) => table[name]?.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  dns.lookup = (name, options, callback) => {
    const addresses = addressesOf(name);
    if (addresses === undefined) return lookup(name, options, callback);
    setImmediate(() => (options.all === true ? callback(null, addresses) : callback(null, addresses[0]?.address, addresses[0]?.family)));
  };
  promises.lookup = async (name, options) => {
    const addresses = addressesOf(name);
    if (addresses === undefined) return lookupPromise(name, options);
    return options?.all === true ? addresses : addresses[0];
  };
  return () => {
    dns.lookup = lookup;
    promises.lookup = lookupPromise;
  };
}
