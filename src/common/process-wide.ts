/**
 * Something of which a process has one, even if two copies of this package are installed: nodes of one copy must find what
 * nodes of the other wait for.
 */
export function processWide<Thing>(name: string, make: () => Thing): Thing {
  const holder = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for(`@security-events/node-red-siem/${name}`);
  holder[key] ??= make();
  return holder[key] as Thing;
}
