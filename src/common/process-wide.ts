/**
 * The one of something that a process has, also when two copies of this package are installed: nodes of one must find
 * what nodes of the other wait for.
 */
export function processWide<Thing>(name: string, make: () => Thing): Thing {
  const holder = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for(`@security-events/node-red-siem/${name}`);
  holder[key] ??= make();
  return holder[key] as Thing;
}
