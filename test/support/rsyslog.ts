/** Debian's rsyslog, unprivileged, on loopback or at `address`: UDP, TCP (both framings on one port), TLS, mutual TLS, RELP and RELP over TLS. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificates } from "./certs";
import { freePort } from "./free-port";
import { SyslogServer } from "./syslog-server";

export interface Rsyslog {
  server: SyslogServer;
  ports: { udp: number; tcp: number; tls: number; mutualTls: number; relp: number; relpTls: number; relpMutualTls: number };
}

/**
 * Starts rsyslog with its default message limit of 8 KiB. With its direct queue it writes each message to the file before it
 * reads the next, so the file has every message that a killed server had accepted. Its UDP buffer is large, because
 * datagrams are lost silently when it is full and test machines are busy. `oversizeMode` decides what RELP does with a
 * message above the limit.
 */
export async function startRsyslog(
  certs: Certificates,
  { oversizeMode = "truncate", address = "127.0.0.1", launcher = [] }: { oversizeMode?: "truncate" | "abort"; address?: string; launcher?: readonly string[] } = {},
): Promise<Rsyslog> {
  const ports = {
    udp: await freePort(), tcp: await freePort(), tls: await freePort(), mutualTls: await freePort(),
    relp: await freePort(), relpTls: await freePort(), relpMutualTls: await freePort(),
  };
  const relpTls = `tls="on" tls.caCert="${certs.ca.cert}" tls.myCert="${certs.server.cert}" tls.myPrivKey="${certs.server.key}"`;
  const tls = (authMode: string) => `streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="${authMode}"`
    + ` streamDriver.caFile="${certs.ca.cert}" streamDriver.certFile="${certs.server.cert}" streamDriver.keyFile="${certs.server.key}"`;
  const server = new SyslogServer("rsyslog", (folder, output) => {
    const config = join(folder, "rsyslog.conf");
    writeFileSync(config, `
global(workDirectory="${folder}" maxMessageSize="8k" parser.escapeControlCharactersOnReceive="off")
main_queue(queue.type="Direct")
module(load="imudp")
module(load="imtcp")
module(load="imrelp" tls.tlslib="openssl")
template(name="json" type="list" option.jsonf="on") {
  property(outname="raw" name="rawmsg" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="pri" name="pri" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
input(type="imudp" address="${address}" port="${ports.udp}" rcvbufSize="16m")
input(type="imtcp" address="${address}" port="${ports.tcp}")
input(type="imtcp" address="${address}" port="${ports.tls}" ${tls("anon")})
input(type="imtcp" address="${address}" port="${ports.mutualTls}" ${tls("x509/certvalid")})
input(type="imrelp" address="${address}" port="${ports.relp}" maxDataSize="8k" oversizeMode="${oversizeMode}")
input(type="imrelp" address="${address}" port="${ports.relpTls}" ${relpTls})
input(type="imrelp" address="${address}" port="${ports.relpMutualTls}" ${relpTls} tls.authMode="name" tls.permittedPeer=["node-red.example.com"])
action(type="omfile" file="${output}" template="json" flushOnTXEnd="on")
`);
    return {
      file: "rsyslogd",
      args: ["-n", "-f", config, "-i", join(folder, "rsyslog.pid")],
      tcpPorts: [ports.tcp, ports.tls, ports.mutualTls, ports.relp, ports.relpTls, ports.relpMutualTls],
      udpPort: ports.udp,
    };
  }, launcher);
  await server.start();
  return { server, ports };
}

/** The relay of docs/siem-recipes.md, with its text from there: takes RELP and sends to the server at `siemPort`. */
export async function startRelay(siemPort: number): Promise<{ server: SyslogServer; port: number }> {
  const port = await freePort();
  const recipes = readFileSync(join(__dirname, "../../docs/siem-recipes.md"), "utf8");
  const recipe = /## rsyslog with RELP[^]*?```\n([^]*?)```/.exec(recipes)?.[1] ?? "";
  const server = new SyslogServer("relay", (folder) => {
    const config = join(folder, "rsyslog.conf");
    const replace = (text: string, from: string, to: string) => {
      if (!text.includes(from)) throw new Error(`the recipe has no ${from}`);
      return text.replace(from, to);
    };
    const here = replace(replace(recipe, 'port="2514"', `port="${port}"`), 'target="siem.example.com" port="514"', `target="127.0.0.1" port="${siemPort}"`);
    writeFileSync(config, `global(workDirectory="${folder}")\n${here}`);
    return { file: "rsyslogd", args: ["-n", "-f", config, "-i", join(folder, "rsyslog.pid")], tcpPorts: [port] };
  });
  await server.start();
  return { server, port };
}
