import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import type { NatsPackages } from "../../../src/scale-out/load";
import { freePort } from "../../support/free-port";
import { resolveNames } from "../../support/host-names";
import { NatsServer, type NatsOptions } from "../../support/nats";
import { watchedLink, type WatchedLink } from "../../support/nats-link";
import { until } from "../../support/until";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("the connection to NATS", () => {
  const servers: NatsServer[] = [];
  const links: WatchedLink[] = [];
  const start = async (options: NatsOptions = {}) => {
    const server = await NatsServer.start(options);
    servers.push(server);
    return server;
  };
  const made = (...args: Parameters<typeof watchedLink>) => {
    const link = watchedLink(...args);
    links.push(link);
    return link;
  };
  afterEach(async () => {
    await Promise.all(links.splice(0).map((link) => link.close()));
    await Promise.all(servers.splice(0).map((server) => server.remove()));
  });
  const codes = ({ outages }: WatchedLink) => outages.map(({ code }) => code);
  const clientsOf = async (port: number): Promise<number> => {
    const { num_connections: clients } = await (await fetch(`http://127.0.0.1:${port}/connz`)).json() as { num_connections: number };
    return clients;
  };

  it("is made when the server starts later, and says once that there was none", async () => {
    const port = await freePort();
    const watched = made({ servers: `127.0.0.1:${port}` });
    assert.match((await watched.failure()).message, /cannot be reached: connection refused/);
    await pause(1200);
    assert.deepEqual(codes(watched), ["NATS_UNREACHABLE"]);
    await start({ port });
    await watched.session();
    assert.deepEqual(codes(watched), ["NATS_UNREACHABLE"]);
    const { connected, reconnects } = watched.link.figures;
    assert.ok(connected === 1 && Number(reconnects) >= 1);
  });

  it("is made again when it was lost, and what was asked meanwhile fails in words", async () => {
    const nats = await start();
    const watched = made({ servers: nats.address });
    const session = await watched.session();
    await nats.kill("SIGSTOP");
    const words = (work: Promise<unknown>) => work.then(() => "no error", (error: unknown) => watched.link.explain(error).message);
    const asked = words(session.js.publish("security.events.siem", "x", { timeout: 60_000 }));
    await nats.kill();
    assert.match(await asked, /cannot be reached: the connection was lost/);
    assert.match(await words(session.js.publish("security.events.siem", "x")), /cannot be reached: the connection was lost/);
    assert.match(await words(session.stream()), /cannot be reached: the connection was lost/);
    await nats.start();
    await until(() => watched.link.session !== undefined, "connected again");
    assert.deepEqual(codes(watched), ["NATS_UNREACHABLE"]);
    await pause(1100);
    await nats.kill("SIGTERM");
    await until(() => watched.outages.length === 2, "the second outage is told");
    assert.match(watched.outages[1]?.message ?? "", /the connection was lost/);
  });

  it("notices within 15 seconds that the server hangs, also with data under way, and is made again when it continues", async () => {
    const nats = await start();
    const watched = made({ servers: nats.address });
    const session = await watched.session();
    await session.stream();
    await nats.kill("SIGSTOP");
    const stopped = performance.now();
    // More than the buffers of the sockets take.
    const lost = Promise.allSettled(Array.from({ length: 64 }, () => session.js.publish("security.events.siem", Buffer.alloc(500_000), { timeout: 60_000 })));
    assert.match((await watched.failure()).message, /the server does not answer any more/);
    const tookMs = performance.now() - stopped;
    assert.ok(tookMs > 5000 && tookMs < 15_500, `${Math.round(tookMs)} ms`);
    assert.ok((await lost).every(({ status }) => status === "rejected"));
    await nats.kill("SIGCONT");
    await until(() => watched.link.session !== undefined, "connected again", 15_000);
  }).timeout(20_000);

  it("ends after the last user also if it is closed before, and leaves nothing behind after many deploys", async () => {
    const monitor = await freePort();
    const nats = await start({ settings: `http: 127.0.0.1:${monitor}` });
    for (let deploy = 0; deploy < 20; deploy++) {
      const watched = made({ servers: nats.address });
      if (deploy % 2 === 0) await watched.session();
      const release = watched.link.use(() => undefined);
      let isClosed = false;
      const closed = watched.link.close().then(() => { isClosed = true; });
      await pause(5);
      assert.equal(isClosed, false);
      if (deploy % 2 === 0) assert.equal(watched.link.state.phase, "connected");
      release();
      release();
      await watched.close();
      await closed;
      assert.equal(watched.link.state.phase, "closed");
    }
    for (let tries = 0; await clientsOf(monitor) > 0; tries++) {
      assert.ok(tries < 50, "connections are left");
      await pause(50);
    }
  });

  it("is one for all users, also when the last one leaves while it is made and another comes", async () => {
    const monitor = await freePort();
    const nats = await start({ settings: `http: 127.0.0.1:${monitor}` });
    const { link } = made({ servers: nats.address });
    for (let times = 0; times < 5; times++) {
      const release = link.use(() => undefined);
      await pause(times);
      release();
    }
    const releases = [link.use(() => undefined), link.use(() => undefined)];
    await until(() => link.session !== undefined, "connected");
    await pause(300);
    assert.equal(await clientsOf(monitor), 1);
    for (const release of releases) release();
    assert.equal(link.state.phase, "idle");
  });

  it("tells about a server that takes the connection and drops it again once, and asks it less and less often", async () => {
    let accepted = 0;
    const dropping = createServer((socket) => {
      accepted += 1;
      socket.on("error", () => undefined);
      socket.destroy();
    });
    await new Promise<void>((resolve) => dropping.listen(0, "127.0.0.1", resolve));
    const watched = made({ servers: `127.0.0.1:${(dropping.address() as AddressInfo).port}` });
    await watched.failure();
    await pause(4000);
    dropping.close();
    assert.deepEqual(codes(watched), ["NATS_UNREACHABLE"]);
    assert.match(watched.outages[0]?.message ?? "", /the server closed the connection|the connection was lost/);
    assert.ok(accepted > 2 && accepted < 9, `${accepted} connections`);
  });

  it("warns once of a server that is too old", async () => {
    const nats = await start({ version: "2.9" });
    const watched = made({ servers: nats.address });
    await watched.session();
    await nats.kill();
    await nats.start();
    await until(() => watched.states.filter(({ phase }) => phase === "connected").length === 2, "connected again");
    assert.deepEqual(watched.warnings, ["warning.NATS_OLD"]);
  });

  it("warns once that a password went unencrypted to another host", async () => {
    const nats = await start({ settings: "authorization { user: a, password: secret }" });
    const forget = resolveNames({ "nats.test": ["127.0.0.1"] });
    try {
      const credentials = { user: "a", password: "secret" };
      const near = made({ servers: nats.address, authType: "user" }, { credentials });
      await near.session();
      assert.deepEqual(near.warnings, []);
      const far = made({ servers: `nats.test:${nats.port}`, authType: "user" }, { credentials });
      await far.session();
      assert.deepEqual(far.warnings, ["warning.NOT_ENCRYPTED"]);
    } finally {
      forget();
    }
  });

  it("without the packages says how to install them", async () => {
    const error = await made({ servers: "127.0.0.1:1" }, { dependencies: { load: () => Promise.reject<NatsPackages>(new Error("Cannot find package")) } }).failure();
    assert.equal(error.code, "NATS_MISSING");
    assert.match(error.message, /npm install @nats-io\/transport-node@3\.3\.1 @nats-io\/jetstream@3\.3\.1 @nats-io\/kv@3\.3\.1/);
    assert.equal(error.permanent, true);
  });

  it("tells what somebody has to change rather than that another server is down", async () => {
    const nats = await start({ settings: "authorization { token: secret-token }" });
    const watched = made({ servers: ["127.0.0.1:1", nats.address, "127.0.0.1:2"] });
    assert.equal((await watched.failure()).code, "NATS_REFUSED");
    assert.match(watched.outages[0]?.message ?? "", new RegExp(`NATS server \\(${nats.address}\\) refused`));
  });

  it("goes on with another server of a cluster when one is killed, with three replicas of each event", async () => {
    const ports = await Promise.all([1, 2, 3].map(() => freePort()));
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(", ");
    const cluster = await Promise.all(ports.map((port, index) => start({ name: `n${index}`, ready: false, settings: `cluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes}] }` })));
    const watched = made({ servers: cluster.map(({ address }) => address).join("\n"), replicas: 3 });
    const deadline = performance.now() + 20_000;
    const retried = async <Value>(work: () => Promise<Value>): Promise<Value> => {
      for (;;) {
        try {
          return await work();
        } catch (error) {
          if (performance.now() > deadline) throw watched.link.explain(error);
          await pause(200);
        }
      }
    };
    await retried(async () => (await watched.session()).stream());
    await retried(async () => (await watched.session()).bucket());
    await retried(async () => (await watched.session()).js.publish("security.events.siem", "1"));
    const info = await retried(async () => (await watched.session()).jsm.streams.info("SECURITY_EVENTS"));
    assert.equal(info.config.num_replicas, 3);
    const leader = cluster[Number(info.cluster?.leader?.slice(1))] as NatsServer;
    await leader.kill();
    await retried(async () => (await watched.session()).js.publish("security.events.siem", "2"));
    const after = await retried(async () => (await watched.session()).jsm.streams.info("SECURITY_EVENTS"));
    assert.equal(after.state.messages, 2);
    assert.notEqual(after.cluster?.leader, info.cluster?.leader);
    assert.ok(!codes(watched).includes("NATS_NO_JETSTREAM"), codes(watched).join());
  });
});
