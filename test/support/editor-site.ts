/** A Node-RED with its editor below an admin root and behind a sign-in, as in production. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeRedRequire, startNodeRed, type NodeRedProcess } from "./node-red-process";
import { packedPackage } from "./packed-package";

export interface EditorSite {
  nodeRed: NodeRedProcess;
  /** The editor's address, without a trailing slash. */
  url: string;
  user: { username: string; password: string };
  stop: () => Promise<void>;
}

const USER = { username: "editor", password: "only-for-this-test" };

/** `runtime` as in NodeRedOptions. */
export async function startEditorSite(runtime?: { node: string; modules: string }): Promise<EditorSite> {
  const userDir = mkdtempSync(join(tmpdir(), "siem-editor-site-"));
  const { hashSync } = nodeRedRequire("bcryptjs") as { hashSync: (password: string, rounds: number) => string };
  const nodeRed = await startNodeRed({
    userDir,
    modules: packedPackage().modules,
    ...(runtime === undefined ? {} : { runtime }),
    settings: {
      httpAdminRoot: "/admin",
      adminAuth: { type: "credentials", users: [{ username: USER.username, password: hashSync(USER.password, 4), permissions: "*" }] },
    },
  });
  return {
    nodeRed,
    url: `${nodeRed.url}/admin`,
    user: USER,
    stop: async () => {
      await nodeRed.stop();
      rmSync(userDir, { recursive: true, force: true });
    },
  };
}
