/**
 * Installs the Debian packages that the tests need: real syslog servers, an MQTT broker, a CEF parser, a metrics parser,
 * openssl, network namespaces, a browser. If not run as root, it prints the commands and ends with exit code 1. syslog-ng conflicts with
 * rsyslog, so it is only unpacked, into .cache/syslog-ng; the libraries that it needs are installed. nats-server is unpacked too, from
 * two releases of Debian, because the one of bookworm is older than what we support.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PACKAGES = [
  "rsyslog", "rsyslog-openssl", "rsyslog-relp", "liblognorm-utils", "mosquitto", "redis-server", "faketime", "openssl", "python3-prometheus-client",
  "iproute2", "python3",
  "chromium", "fonts-dejavu-core",
];
/** The packages for the browser, which are all that `npm run screenshot` needs. */
export const BROWSER = ["chromium", "fonts-dejavu-core"];
const cache = (name) => fileURLToPath(new URL(`../.cache/${name}`, import.meta.url));

/** What is only unpacked, into `folder`. A `release` of Debian is read through an apt source of its own, with lists of its own. */
const UNPACKED = [
  { name: "syslog-ng-core", folder: cache("syslog-ng"), program: "usr/sbin/syslog-ng" },
  { name: "nats-server", release: "trixie", folder: cache("nats-server"), program: "usr/sbin/nats-server" },
  { name: "nats-server", release: "bookworm", folder: cache("nats-server-2.9"), program: "usr/sbin/nats-server" },
];

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

/** The options with which apt reads one release of Debian only, from the mirror that this machine uses. */
function onlyRelease(release) {
  const folder = cache(`apt-${release}`);
  mkdirSync(join(folder, "lists/partial"), { recursive: true });
  mkdirSync(join(folder, "parts"), { recursive: true });
  const [mirror] = output("apt-get", ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split("\n").filter((uri) => !uri.includes("security"));
  const list = join(folder, "sources.list");
  writeFileSync(list, `deb ${mirror} ${release} main\n`);
  const options = ["-o", `Dir::Etc::sourcelist=${list}`, "-o", `Dir::Etc::sourceparts=${join(folder, "parts")}`, "-o", `Dir::State::Lists=${join(folder, "lists")}`,
    "-o", `Dir::Cache::pkgcache=${join(folder, "pkgcache.bin")}`, "-o", `Dir::Cache::srcpkgcache=${join(folder, "srcpkgcache.bin")}`];
  run("apt-get", ["update", "-q", ...options]);
  return options;
}

function unpack({ name, folder, release }) {
  const options = release === undefined ? [] : onlyRelease(release);
  const work = `${folder}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  run("apt-get", ["download", "-o", "APT::Sandbox::User=root", ...options, name], work);
  const archive = readdirSync(work).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get downloaded no ${name} package`);
  run("dpkg-deb", ["-x", archive, "."], work);
  rmSync(join(work, archive));
  rmSync(folder, { recursive: true, force: true });
  renameSync(work, folder);
}

/** Makes sure that the packages `names` (by default all) are installed. Ends the process with exit code 1 if one is missing and cannot be installed. */
export function ensureDebianPackages(names = PACKAGES) {
  const toUnpack = names === PACKAGES ? UNPACKED.filter(({ folder, program }) => !existsSync(join(folder, program))) : [];
  let wanted = names.filter((name) => !installed(name));
  if (wanted.length === 0 && toUnpack.length === 0) return;

  if (process.getuid?.() !== 0) {
    const script = fileURLToPath(import.meta.url);
    console.error(`These Debian packages are missing: ${[...wanted, ...toUnpack.map(({ name, release = "here" }) => `${name} (of ${release}, unpacked)`)].join(", ")}`);
    console.error(`Run as root:\n  apt-get update\n  node ${script}`);
    process.exit(1);
  }
  const librariesOf = () => {
    const found = toUnpack.filter(({ release }) => release === undefined).map(({ name }) => libraries(name));
    return found.includes(undefined) ? undefined : found.flat();
  };
  let libs = librariesOf();
  if (wanted.length > 0 || libs === undefined) run("apt-get", ["update", "-q"]);
  libs ??= librariesOf() ?? [];
  wanted = [...new Set([...wanted, ...libs.filter((name) => !installed(name))])];
  if (wanted.length > 0) run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...wanted]);
  for (const each of toUnpack) unpack(each);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureDebianPackages();
