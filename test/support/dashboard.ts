/** The package `@flowfuse/node-red-dashboard`, which two of the examples need and which users install themselves. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../../package.json";
import { root } from "../../scripts/built";

export const DASHBOARD = "@flowfuse/node-red-dashboard";

/** Makes `userDir` hold our package, which stands in `ours`, and the dashboard, as if both were installed; returns its `node_modules`. */
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
