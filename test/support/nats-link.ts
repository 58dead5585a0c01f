/** A link to NATS as the node makes it, which keeps what it says. */
import { systemClock } from "../../src/common/clock";
import type { SiemError } from "../../src/common/errors";
import type { Properties } from "../../src/common/properties";
import { NatsLink, type LinkDependencies, type LinkState, type Session } from "../../src/scale-out/link";
import { readSettings, type NatsSettings } from "../../src/scale-out/settings";
import { until } from "./until";

export interface WatchedLink {
  link: NatsLink;
  outages: SiemError[];
  warnings: string[];
  states: LinkState[];
  /** Uses the link until it is connected. */
  session(): Promise<Session>;
  /** Uses the link until an attempt has failed. */
  failure(): Promise<SiemError>;
  close(): Promise<void>;
}

export function watchedLink(properties: Properties, more: { credentials?: Properties; tls?: NatsSettings["tls"]; dependencies?: Partial<LinkDependencies> } = {}): WatchedLink {
  const [outages, warnings, states]: [SiemError[], string[], LinkState[]] = [[], [], []];
  const link = new NatsLink(readSettings(properties, more.credentials ?? {}, more.tls), {
    clock: systemClock, random: Math.random, systemHostname: "host",
    outage: (error) => void outages.push(error),
    warn: (key) => void warnings.push(key),
    ...more.dependencies,
  });
  let release: (() => void) | undefined;
  const use = () => { release ??= link.use((state) => void states.push(state)); };
  return {
    link, outages, warnings, states,
    async session() {
      use();
      await until(() => link.session !== undefined, `connected: ${outages.map(String).join()}`, 20_000);
      return link.session as Session;
    },
    async failure() {
      use();
      const found = () => states.flatMap((state) => (state.phase === "waiting" ? [state.error] : [])).at(-1);
      await until(() => found() !== undefined, "failed", 20_000);
      return found() as SiemError;
    },
    async close() {
      release?.();
      await link.close();
    },
  };
}
