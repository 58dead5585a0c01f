/** The configuration of nats-server in docs/scale-out.md, as somebody pastes it on three machines. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../../../scripts/built";
import { subjectOf } from "../../../src/scale-out/setup";
import { makeCertificates, type Certificates } from "../../support/certs";
import { linkOf, pasted, type User } from "../../support/documented-nats";
import { freePort } from "../../support/free-port";
import { NatsServer } from "../../support/nats";
import type { WatchedLink } from "../../support/nats-link";

const HOSTS = [1, 2, 3].map((number) => `nats-${number}`);

describe("the configuration of nats-server in the documentation", function () {
  this.timeout(60_000);
  let certs: Certificates;
  let ports: { client: number; route: number }[];
  const servers: NatsServer[] = [];
  const links: WatchedLink[] = [];

  /** What has to be changed for a server: its name, its certificates, and here also its addresses and its folder. */
  const filledIn = (index: number) => {
    let config = pasted.replace("server_name: nats-1", `server_name: ${HOSTS[index]}`);
    HOSTS.forEach((host, other) => { config = config.replaceAll(`${host}.example.com:6222`, `127.0.0.1:${ports[other]?.route}`); });
    const files: Record<string, string> = { "/etc/nats/server.crt": certs.server.cert, "/etc/nats/server.key": certs.server.key, "/etc/nats/ca.crt": certs.ca.cert };
    for (const [path, file] of Object.entries(files)) config = config.replaceAll(path, file);
    return config.replace("0.0.0.0:4222", `127.0.0.1:${ports[index]?.client}`).replace("0.0.0.0:6222", `127.0.0.1:${ports[index]?.route}`)
      .replace("/var/lib/nats", join(certs.folder, `store-${index}`));
  };

  async function connect(user: User) {
    const link = linkOf(user, servers.map(({ address }) => address), { tls: { ca: certs.read(certs.ca.cert) }, replicas: "3" });
    links.push(link);
    return link.session();
  }

  before(async () => {
    certs = makeCertificates();
    ports = await Promise.all(HOSTS.map(async () => ({ client: await freePort(), route: await freePort() })));
    servers.push(...await Promise.all(ports.map(({ client: port }, index) => NatsServer.start({ port, config: filledIn(index), ready: false }))));
  });

  after(async () => {
    for (const link of links) await link.close();
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
    const setup = await connect("siem-setup");
    const create = async () => {
      await setup.stream();
      await setup.bucket();
      await setup.jsm.consumers.add("SECURITY_EVENTS", { durable_name: "siem", filter_subject: subjectOf("siem"), ack_policy: "explicit" });
    };
    // The servers have to find each other first.
    for (const end = Date.now() + 30_000; ;) {
      const failure = await create().then(() => undefined, (error: unknown) => (error as Error).message);
      if (failure === undefined) break;
      assert.ok(Date.now() < end, failure);
      await sleep(200);
    }
    const { config, cluster } = await setup.jsm.streams.info("SECURITY_EVENTS");
    assert.equal(config.num_replicas, 3);
    assert.equal(cluster?.name, "security-events");
    assert.equal(cluster.replicas?.length, 2);

    const user = await connect("siem");
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

    const isRefused = /[Pp]ermissions? [Vv]iolation/;
    await assert.rejects(user.js.publish(subjectOf("other"), "line"), isRefused);
    await assert.rejects(user.jsm.streams.delete("SECURITY_EVENTS"), isRefused);
    await assert.rejects(user.jsm.consumers.add("SECURITY_EVENTS", { durable_name: "own", ack_policy: "explicit" }), isRefused);
  });
});
