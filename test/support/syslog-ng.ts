/** Debian's syslog-ng, unpacked by scripts/debian-packages.mjs: network() with line feeds, syslog() with octet counts, TLS. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificates } from "./certs";
import { freePort } from "./free-port";
import { SyslogServer } from "./syslog-server";

export interface SyslogNg {
  server: SyslogServer;
  ports: { lf: number; octet: number; tls: number };
}

const ROOT = join(__dirname, "../../.cache/syslog-ng");

export async function startSyslogNg(certs: Certificates): Promise<SyslogNg> {
  const ports = { lf: await freePort(), octet: await freePort(), tls: await freePort() };
  const libraries = join(ROOT, "usr/lib/syslog-ng");
  const version = readdirSync(libraries).find((name) => /^\d+\.\d+$/.test(name)) ?? "";
  const server = new SyslogServer("syslog-ng", (folder, output) => {
    const config = join(folder, "syslog-ng.conf");
    writeFileSync(config, `@version: ${version}
options { keep-hostname(yes); use-dns(no); stats-freq(0); };
source lines {
  network(ip("127.0.0.1") port(${ports.lf}) transport("tcp") flags(store-raw-message));
  syslog(ip("127.0.0.1") port(${ports.octet}) transport("tcp") flags(store-raw-message));
  syslog(ip("127.0.0.1") port(${ports.tls}) transport("tls") flags(store-raw-message)
    tls(key-file("${certs.server.key}") cert-file("${certs.server.cert}") peer-verify(optional-untrusted)));
};
destination file { file("${output}" template("$(format-json raw=$RAWMSG host=$HOST pri=$PRI message=$MESSAGE)\\n")); };
log { source(lines); destination(file); };
`);
    return {
      file: join(ROOT, "usr/sbin/syslog-ng"),
      args: ["-F", "--no-caps", "-f", config, "-R", join(folder, "persist"), "-p", join(folder, "pid"), "-c", join(folder, "control"),
        "--module-path", join(libraries, version)],
      env: { LD_LIBRARY_PATH: libraries },
      tcpPorts: [ports.lf, ports.octet, ports.tls],
    };
  });
  await server.start();
  return { server, ports };
}
