/**
 * The Debian packages that the tests need: real syslog servers, an MQTT broker, a CEF parser, a parser of metrics, openssl, a browser. As root
 * it installs what is missing; otherwise it prints the commands and ends with exit code 1. syslog-ng conflicts with rsyslog and is
 * therefore unpacked into .cache/syslog-ng, beside the installed libraries it needs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PACKAGES = [
  "rsyslog", "rsyslog-openssl", "rsyslog-relp", "liblognorm-utils", "mosquitto", "redis-server", "faketime", "openssl", "python3-prometheus-client",
  "chromium", "fonts-dejavu-core",
];
/** Those of them that show the editor: `npm run screenshot` needs no more. */
export const BROWSER = ["chromium", "fonts-dejavu-core"];
const UNPACKED = "syslog-ng-core";

/** The folder with the unpacked syslog-ng (`usr/sbin/syslog-ng` in it). */
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

/** The libraries of a package, from the package lists; undefined while the lists do not know it. */
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

/** Makes sure that `names` are there, by default everything; ends the process with exit code 1 if they are not and may not be installed. */
export function ensureDebianPackages(names = PACKAGES) {
  const unpacked = names !== PACKAGES || existsSync(join(SYSLOG_NG, "usr/sbin/syslog-ng"));
  let wanted = names.filter((name) => !installed(name));
  if (wanted.length === 0 && unpacked) return;

  if (process.getuid?.() !== 0) {
    const script = fileURLToPath(import.meta.url);
    console.error(`Debian packages are needed that are not here: ${[...wanted, ...(unpacked ? [] : [`${UNPACKED} (unpacked)`])].join(", ")}`);
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
