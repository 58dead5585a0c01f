/** Debian's rsyslog, unprivileged on the loopback: UDP, TCP (both framings on one port), TLS and mutual TLS. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificates } from "./certs";
import { freePort } from "./free-port";
import { SyslogServer } from "./syslog-server";

export interface Rsyslog {
  server: SyslogServer;
  ports: { udp: number; tcp: number; tls: number; mutualTls: number };
}

/**
 * Starts rsyslog with its default message limit of 8 KiB. Every message is on its way to the file before the next is
 * read (direct queue), so what a killed server had taken stands in the file. Its UDP buffer is large, because a
 * datagram that finds it full is lost without a trace, and the processors of a test machine are shared.
 */
export async function startRsyslog(certs: Certificates): Promise<Rsyslog> {
  const ports = { udp: await freePort(), tcp: await freePort(), tls: await freePort(), mutualTls: await freePort() };
  const tls = (authMode: string) => `streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="${authMode}"`
    + ` streamDriver.caFile="${certs.ca.cert}" streamDriver.certFile="${certs.server.cert}" streamDriver.keyFile="${certs.server.key}"`;
  const server = new SyslogServer("rsyslog", (folder, output) => {
    const config = join(folder, "rsyslog.conf");
    writeFileSync(config, `
global(workDirectory="${folder}" maxMessageSize="8k" parser.escapeControlCharactersOnReceive="off")
main_queue(queue.type="Direct")
module(load="imudp")
module(load="imtcp")
template(name="json" type="list" option.jsonf="on") {
  property(outname="raw" name="rawmsg" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="pri" name="pri" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
input(type="imudp" address="127.0.0.1" port="${ports.udp}" rcvbufSize="16m")
input(type="imtcp" address="127.0.0.1" port="${ports.tcp}")
input(type="imtcp" address="127.0.0.1" port="${ports.tls}" ${tls("anon")})
input(type="imtcp" address="127.0.0.1" port="${ports.mutualTls}" ${tls("x509/certvalid")})
action(type="omfile" file="${output}" template="json" flushOnTXEnd="on")
`);
    return {
      file: "rsyslogd",
      args: ["-n", "-f", config, "-i", join(folder, "rsyslog.pid")],
      tcpPorts: [ports.tcp, ports.tls, ports.mutualTls],
      udpPort: ports.udp,
    };
  });
  await server.start();
  return { server, ports };
}
