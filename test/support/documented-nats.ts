/** The configuration of nats-server that docs/scale-out.md has to paste, and connections of its users. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { root } from "../../scripts/built";
import { systemClock } from "../../src/common/clock";
import { NatsLink, type Session } from "../../src/scale-out/link";
import { readSettings } from "../../src/scale-out/settings";
import { until } from "./until";

const page = readFileSync(join(root, "docs/scale-out.md"), "utf8");

/** The configuration as it stands on the page. */
export const pasted = /<!-- nats\.conf: a test runs it -->\s+```\n(.*?)```/s.exec(page)?.[1] ?? assert.fail("the page has no configuration");

/** Its users and their permissions. */
export const authorization = pasted.slice(pasted.indexOf("\nauthorization {"));

export type User = "siem-setup" | "siem";
export const passwordOf = (user: User): string => new RegExp(`user: ${user}, password: "([^"]+)"`).exec(pasted)?.[1] ?? assert.fail(user);

export interface SignedIn {
  link: NatsLink;
  session: Session;
  close(): Promise<void>;
}

/** Connects as one of the users. `siem-setup` creates what is missing, `siem` does not. */
export async function signIn(user: User, servers: readonly string[], { tls, replicas = "1" }: { tls?: ConnectionOptions; replicas?: string } = {}): Promise<SignedIn> {
  const properties = { servers, authType: "user", create: user === "siem-setup", replicas };
  const link = new NatsLink(readSettings(properties, { user, password: passwordOf(user) }, tls), {
    clock: systemClock, random: Math.random, systemHostname: "host-1", warn: () => undefined, outage: () => undefined,
  });
  const end = link.use(() => undefined);
  const close = () => {
    end();
    return link.close();
  };
  try {
    await until(() => link.session !== undefined, `${user} is connected`, 20_000);
    return { link, session: link.session ?? assert.fail(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
