/** `npm run sbom` writes the software bill of materials of a release, as CycloneDX, to `sbom.cdx.json`. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json";
import { root } from "./built";

export const SBOM_FILE = join(root, "sbom.cdx.json");

interface Component {
  name: string;
  version: string;
  licenses?: { license?: { id?: string; name?: string }; expression?: string }[];
}

export interface Sbom {
  bomFormat: string;
  metadata: { component: Component };
  components: Component[];
}

const npm = (cwd: string, ...args: string[]) => execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 64 * 1024 * 1024 });

/** Asks npm for the run-time packages in the lock file, and writes the file. Throws if npm fails. */
export function makeSbom(): Sbom {
  // `npm sbom --omit dev` also omits packages that development and run-time dependencies share, so remove the development ones first.
  const folder = mkdtempSync(join(tmpdir(), "siem-sbom-"));
  try {
    for (const file of ["package-lock.json", ".npmrc"]) cpSync(join(root, file), join(folder, file));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, devDependencies: {}, scripts: {} }));
    npm(folder, "install", "--package-lock-only", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error");
    const sbom = JSON.parse(npm(folder, "sbom", "--sbom-format", "cyclonedx", "--package-lock-only")) as Sbom;
    // npm uses the folder's name.
    sbom.metadata.component.name = manifest.name;
    writeFileSync(SBOM_FILE, `${JSON.stringify(sbom, null, 2)}\n`);
    return sbom;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (require.main === module) console.log(`${SBOM_FILE}: ${makeSbom().components.length} packages`);
