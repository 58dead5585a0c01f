/** The addresses of this machine. */
import { networkInterfaces } from "node:os";

/** IPv4 first. The last of these is 127.0.0.1: every machine has it, and every syslog header can hold it. */
export function ownAddresses(): string[] {
  const addresses = [...external(), "127.0.0.1"];
  return [...addresses.filter((address) => !address.includes(":")), ...addresses.filter((address) => address.includes(":"))];
}

function external(): string[] {
  try {
    return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter(({ internal }) => !internal).map(({ address }) => address));
  } catch {
    // A hardened service may not be allowed to ask.
    return [];
  }
}
