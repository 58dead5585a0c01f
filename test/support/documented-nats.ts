/** The configuration of nats-server that docs/scale-out.md has to paste, and its users. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { root } from "../../scripts/built";
import { watchedLink, type WatchedLink } from "./nats-link";

const page = readFileSync(join(root, "docs/scale-out.md"), "utf8");

/** The configuration as it stands on the page. */
export const pasted = /<!-- nats\.conf: a test runs it -->\s+```\n(.*?)```/s.exec(page)?.[1] ?? assert.fail("the page has no configuration");

/** Its users and their permissions. */
export const authorization = pasted.slice(pasted.indexOf("\nauthorization {"));

export type User = "siem-setup" | "siem";
export const passwordOf = (user: User): string => new RegExp(`user: ${user}, password: "([^"]+)"`).exec(pasted)?.[1] ?? assert.fail(user);

/** A connection as one of the users. `siem-setup` creates what is missing, `siem` does not. */
export const linkOf = (user: User, servers: readonly string[], { tls, replicas = "1" }: { tls?: ConnectionOptions; replicas?: string } = {}): WatchedLink =>
  watchedLink({ servers, authType: "user", create: user === "siem-setup", replicas }, { credentials: { user, password: passwordOf(user) }, tls });
