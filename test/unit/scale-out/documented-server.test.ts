/** The configuration of nats-server in docs/scale-out.md, as somebody pastes it on three machines. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { root } from "../../../scripts/built";
import { systemClock } from "../../../src/common/clock";
import { NatsLink, type Session } from "../../../src/scale-out/link";
import { readSettings } from "../../../src/scale-out/settings";
import { subjectOf } from "../../../src/scale-out/setup";
import { makeCertificates, type Certificates } from "../../support/certs";
import { freePort } from "../../support/free-port";
import { NatsServer, type NatsOptions } from "../../support/nats";
import { until } from "../../support/until";

const page = readFileSync(join(root, "docs/scale-out.md"), "utf8");
const [, pasted = ""] = /<!-- nats\.conf: a test runs it -->\s+```\n(.*?)```/s.exec(page) ?? [];
const passwordOf = (user: string) => new RegExp(`user: ${user}, password: "([^"]+)"`).exec(pasted)?.[1] ?? "";
const HOSTS = [1, 2, 3].map((number) => `nats-${number}`);

describe("the configuration of nats-server in the documentation", function () {
  this.timeout(60_000);
  let certs: Certificates;
  const servers: NatsServer[] = [];
  const links: (() => Promise<void>)[] = [];
  let ports: { client: number; route: number }[];

  /** What has to be changed for a server: its name, its certificates, and here also its addresses and its folder. */
  const filledIn = (index: number) => {
    let config = pasted.replace("server_name: nats-1", `server_name: ${HOSTS[index]}`);
    HOSTS.forEach((host, other) => { config = config.replaceAll(`${host}.example.com:6222`, `127.0.0.1:${ports[other]?.route}`); });
    const files: Record<string, string> = { "/etc/nats/server.crt": certs.server.cert, "/etc/nats/server.key": certs.server.key, "/etc/nats/ca.crt": certs.ca.cert };
    for (const [path, file] of Object.entries(files)) config = config.replaceAll(path, file);
    return config.replace("0.0.0.0:4222", `127.0.0.1:${ports[index]?.client}`).replace("0.0.0.0:6222", `127.0.0.1:${ports[index]?.route}`)
      .replace("/var/lib/nats", join(certs.folder, `store-${index}`));
  };

  async function signIn(user: string, create: boolean): Promise<Session> {
    const tls: ConnectionOptions = { ca: certs.read(certs.ca.cert) };
    const properties = { servers: servers.map(({ address }) => address), authType: "user", create, replicas: "3" };
    const link = new NatsLink(readSettings(properties, { user, password: passwordOf(user) }, tls), {
      clock: systemClock, random: Math.random, systemHostname: "host-1", warn: (key) => assert.fail(key), outage: () => undefined,
    });
    const end = link.use(() => undefined);
    links.push(() => {
      end();
      return link.close();
    });
    await until(() => link.session !== undefined, `${user} is connected: ${link.state.phase === "waiting" ? link.state.error.message : link.state.phase}`, 20_000);
    return link.session as Session;
  }

  before(async () => {
    assert.ok(pasted.includes("permissions"), "the page has no configuration");
    certs = makeCertificates();
    ports = await Promise.all(HOSTS.map(async () => ({ client: await freePort(), route: await freePort() })));
    for (const [index, { client }] of ports.entries()) {
      const options: NatsOptions = { port: client, config: filledIn(index), ready: false };
      servers.push(await NatsServer.start(options));
    }
  });

  after(async () => {
    for (const close of links) await close();
    for (const server of servers) await server.remove();
    certs?.remove();
  });

  it("is accepted by nats-server's own check", () => {
    const file = join(certs.folder, "pasted.conf");
    writeFileSync(file, filledIn(0));
    execFileSync(join(root, ".cache/nats-server/usr/sbin/nats-server"), ["-t", "-c", file], { stdio: "pipe" });
    assert.match(pasted, /^ {2}sync_interval: always$/m);
  });

  it("makes three servers one cluster; one user creates, and the other one may do what the nodes do and nothing else", async () => {
    const setup = await signIn("siem-setup", true);
    // The servers have to find each other first.
    for (const end = Date.now() + 30_000; ;) {
      try {
        await setup.stream();
        await setup.bucket();
        break;
      } catch (error) {
        if (Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
    const { config, cluster } = await setup.jsm.streams.info("SECURITY_EVENTS");
    assert.equal(config.num_replicas, 3);
    assert.equal(cluster?.name, "security-events");
    assert.equal(cluster.replicas?.length, 2);
    await setup.jsm.consumers.add("SECURITY_EVENTS", { durable_name: "siem", filter_subject: subjectOf("siem"), ack_policy: "explicit" });

    const user = await signIn("siem", false);
    await user.stream();
    const bucket = await user.bucket();
    const revision = await bucket.create("cursor.a", "1");
    await bucket.update("cursor.a", "2", revision);
    await assert.rejects(bucket.update("cursor.a", "3", revision), /wrong last sequence/);
    assert.equal((await bucket.get("cursor.a"))?.string(), "2");
    await bucket.delete("cursor.a");
    await user.js.publish(subjectOf("siem"), "line", { msgID: "1" });
    assert.equal((await user.js.publish(subjectOf("siem"), "line", { msgID: "1" })).duplicate, true);
    const consumer = await user.js.consumers.get("SECURITY_EVENTS", "siem");
    const message = await consumer.next({ expires: 5000 });
    message?.working();
    assert.equal(await message?.ackAck(), true);
    assert.equal((await consumer.info()).num_pending, 0);

    await assert.rejects(user.js.publish(subjectOf("other"), "line"), /[Pp]ermissions? [Vv]iolation/);
    await assert.rejects(user.jsm.streams.delete("SECURITY_EVENTS"), /[Pp]ermissions? [Vv]iolation/);
    await assert.rejects(user.jsm.consumers.add("SECURITY_EVENTS", { durable_name: "own", ack_policy: "explicit" }), /[Pp]ermissions? [Vv]iolation/);
  });
});
