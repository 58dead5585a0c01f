/**
 * `npm run audit` checks the run-time packages: their licences, that none runs a script when it is installed, that the bill
 * of materials names what is installed, and that the lock file names no host. Ends with 1 if something is wrong.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./built";
import { makeSbom, type Sbom } from "./sbom";

const LICENCES = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense"]);
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"];

interface LockFile {
  packages: Record<string, { version?: string; hasInstallScript?: boolean }>;
}

interface Manifest {
  version: string;
  scripts?: Record<string, string>;
  gypfile?: boolean;
}

/** What is wrong, a sentence each. `installed` reads the manifest in a folder of the lock file; undefined if there is none. */
export function faultsOf(components: Sbom["components"], lockText: string, installed: (folder: string) => Manifest | undefined): string[] {
  const faults: string[] = [];
  const { packages } = JSON.parse(lockText) as LockFile;
  for (const { name, version, licenses = [] } of components) {
    const title = `${name}@${version}`;
    const found = licenses.map(({ license, expression }) => license?.id ?? license?.name ?? expression ?? "");
    if (found.length === 0 || found.some((licence) => !LICENCES.has(licence))) faults.push(`${title} has the licence "${found.join(", ")}", which is not on the list`);
    const places = Object.entries(packages).filter(([folder, entry]) => folder.endsWith(`node_modules/${name}`) && entry.version === version);
    if (places.length === 0) faults.push(`${title} is in the bill of materials and not in the lock file`);
    for (const [folder, { hasInstallScript }] of places) {
      const manifest = installed(folder);
      if (manifest?.version !== version) faults.push(`${title} is in the bill of materials, but ${folder} has version ${manifest?.version ?? "none"}`);
      const scripts = INSTALL_SCRIPTS.filter((script) => manifest?.scripts?.[script] !== undefined);
      if (hasInstallScript === true || scripts.length > 0 || manifest?.gypfile === true) faults.push(`${title} runs a script when it is installed`);
    }
  }
  // Addresses of sponsors and advice come from the packages' own manifests; npm downloads nothing from them.
  const rest = JSON.stringify(JSON.parse(lockText, (key, value: unknown) => (key === "funding" || key === "deprecated" ? undefined : value)));
  if (/"resolved":|:\/\//.test(rest)) faults.push("package-lock.json names a host");
  return faults;
}

function manifestIn(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

if (require.main === module) {
  const { components } = makeSbom();
  const faults = faultsOf(components, readFileSync(join(root, "package-lock.json"), "utf8"), manifestIn);
  for (const fault of faults) console.error(fault);
  console.log(`audit: ${components.length} run-time packages, ${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
