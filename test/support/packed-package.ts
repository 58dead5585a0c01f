/** Packs this package and installs it from the tarball, as its users do. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, root } from "../../scripts/built";

export interface PackedPackage {
  /** The paths in the tarball. */
  files: string[];
  /** The `node_modules` folder that the tarball was installed into. */
  modules: string;
}

const npm = (cwd: string, ...args: string[]) => execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

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
      writeFileSync(join(fresh, "package.json"), JSON.stringify({ private: true }));
      npm(fresh, "install", "--omit=dev", "--no-audit", "--no-fund", "--prefer-offline", "--no-package-lock", tarball);
      renameSync(fresh, installed);
    }
    return { files: pack.files.map((file) => file.path), modules: join(installed, "node_modules") };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
