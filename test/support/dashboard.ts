/** Installs `@flowfuse/node-red-dashboard` for tests. Two examples need it, and users install it themselves. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../../package.json";
import { root } from "../../scripts/built";

export const DASHBOARD = "@flowfuse/node-red-dashboard";

/** Links our package (in the folder `ours`) and the dashboard into `userDir`, as if both were installed. Returns its `node_modules`. */
export function modulesWithDashboard(userDir: string, ours: string): string {
  const modules = join(userDir, "node_modules");
  for (const [name, folder] of [[manifest.name, ours], [DASHBOARD, join(root, "node_modules", DASHBOARD)]] as const) {
    const link = join(modules, name);
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(folder, link);
  }
  return modules;
}
