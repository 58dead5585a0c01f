/**
 * Installs the Debian packages that the tests need: real syslog servers, an MQTT broker, a CEF parser, a metrics parser,
 * openssl, network namespaces, a browser. If not run as root, it prints the commands and ends with exit code 1. syslog-ng conflicts with
 * rsyslog, so it is only unpacked, into .cache/syslog-ng; the libraries that it needs are installed.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PACKAGES = [
  "rsyslog", "rsyslog-openssl", "rsyslog-relp", "liblognorm-utils", "mosquitto", "redis-server", "faketime", "openssl", "python3-prometheus-client",
  "iproute2", "python3",
  "chromium", "fonts-dejavu-core",
];
/** The packages for the browser, which are all that `npm run screenshot` needs. */
export const BROWSER = ["chromium", "fonts-dejavu-core"];
const UNPACKED = "syslog-ng-core";

/** The folder with the unpacked syslog-ng; the program is `usr/sbin/syslog-ng` in it. */
export const SYSLOG_NG = fileURLToPath(new URL("../.cache/syslog-ng", import.meta.url));

const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
const output = (command, args) => execFileSync(command, args, { encoding: "utf8", env: environment, stdio: ["ignore", "pipe", "pipe"] });
const run = (command, args, cwd) => execFileSync(command, args, { stdio: ["ignore", "inherit", "inherit"], env: environment, cwd });

function installed(name) {
  try {
    return output("dpkg-query", ["-W", "-f", "${db:Status-Status}", name]) === "installed";
  } catch {
    return false;
  }
}

/** The libraries that a package needs, from apt's package lists; undefined if the lists do not have the package. */
function libraries(name) {
  try {
    return [...output("apt-cache", ["depends", "--important", name]).matchAll(/^ {2}Depends: (lib\S+)$/gm)].map(([, library]) => library);
  } catch {
    return undefined;
  }
}

function unpack(name, folder) {
  const work = `${folder}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  run("apt-get", ["download", "-o", "APT::Sandbox::User=root", name], work);
  const archive = readdirSync(work).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get downloaded no ${name} package`);
  run("dpkg-deb", ["-x", archive, "."], work);
  rmSync(join(work, archive));
  rmSync(folder, { recursive: true, force: true });
  renameSync(work, folder);
}

/** Makes sure that the packages `names` (by default all) are installed. Ends the process with exit code 1 if one is missing and cannot be installed. */
export function ensureDebianPackages(names = PACKAGES) {
  const unpacked = names !== PACKAGES || existsSync(join(SYSLOG_NG, "usr/sbin/syslog-ng"));
  let wanted = names.filter((name) => !installed(name));
  if (wanted.length === 0 && unpacked) return;

  if (process.getuid?.() !== 0) {
    const script = fileURLToPath(import.meta.url);
    console.error(`These Debian packages are missing: ${[...wanted, ...(unpacked ? [] : [`${UNPACKED} (unpacked)`])].join(", ")}`);
    console.error(`Run as root:\n  apt-get update\n  node ${script}`);
    process.exit(1);
  }
  let libs = unpacked ? [] : libraries(UNPACKED);
  if (wanted.length > 0 || libs === undefined) run("apt-get", ["update", "-q"]);
  libs ??= libraries(UNPACKED) ?? [];
  wanted = [...new Set([...wanted, ...libs.filter((name) => !installed(name))])];
  if (wanted.length > 0) run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...wanted]);
  if (!unpacked) unpack(UNPACKED, SYSLOG_NG);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureDebianPackages();
