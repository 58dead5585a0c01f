/** Packs this package and installs it from the tarball, as its users do. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, root } from "../../scripts/built";

export interface PackedPackage {
  /** The paths in the tarball. */
  files: string[];
  tarball: string;
  /** The `node_modules` folder that the tarball was installed into. */
  modules: string;
}

/** What Node-RED's palette says to npm (`lib/installer.js` of `@node-red/registry`); it installs optional dependencies too. */
const PALETTE = ["--no-audit", "--no-update-notifier", "--no-fund", "--save", "--save-prefix=~", "--omit=dev", "--engine-strict"];

const npm = (cwd: string, ...args: string[]) => execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

/** Installs `tarball` in `folder` as Node-RED's palette does, with `more` arguments of npm. */
export function installInto(folder: string, tarball: string, ...more: string[]): void {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  npm(folder, "install", ...PALETTE, "--prefer-offline", "--no-package-lock", ...more, tarball);
}

/** Packs this package and installs the tarball in an empty folder below `.cache/`. An unchanged tarball is not installed again. */
export function packedPackage(): PackedPackage {
  ensureBuilt();
  const cache = join(root, ".cache/packed");
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "new-"));
  try {
    const [pack] = JSON.parse(npm(root, "pack", "--json", "--ignore-scripts", "--pack-destination", fresh)) as [{ filename: string; files: { path: string }[] }];
    const tarball = join(fresh, pack.filename);
    const installed = join(cache, createHash("sha256").update(readFileSync(tarball)).digest("hex").slice(0, 16));
    if (!existsSync(installed)) {
      installInto(fresh, tarball);
      renameSync(fresh, installed);
    }
    return { files: pack.files.map((file) => file.path), tarball: join(installed, pack.filename), modules: join(installed, "node_modules") };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
