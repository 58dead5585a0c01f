import assert from "node:assert/strict";
import { AckPolicy, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
import { nkeyAuthenticator, nkeys } from "@nats-io/transport-node";
import { plain } from "../../../src/common/border";
import type { SiemError } from "../../../src/common/errors";
import type { Properties } from "../../../src/common/properties";
import { readSettings } from "../../../src/scale-out/settings";
import { openStream } from "../../../src/scale-out/setup";
import { NatsServer, type NatsOptions } from "../../support/nats";
import { textOf } from "../../support/nats-accounts";
import { watchedLink, type WatchedLink } from "../../support/nats-link";
import { until } from "../../support/until";

/** The least permissions, as the documentation has them. */
const PUBLISH = [
  "security.events.siem", "$KV.security-events.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.SECURITY_EVENTS", "$JS.API.STREAM.INFO.KV_security-events",
  "$JS.API.CONSUMER.INFO.SECURITY_EVENTS.siem", "$JS.API.CONSUMER.MSG.NEXT.SECURITY_EVENTS.siem",
  "$JS.API.STREAM.MSG.GET.KV_security-events", "$JS.ACK.SECURITY_EVENTS.siem.>",
];

describe("the stream and the bucket", () => {
  let server: NatsServer;
  const links: WatchedLink[] = [];
  const start = async (options: NatsOptions = {}) => (server = await NatsServer.start(options));
  const made = (properties: Properties = {}, credentials: Properties = {}) => {
    const link = watchedLink({ servers: server.address, ...properties }, { credentials });
    links.push(link);
    return link;
  };
  afterEach(async () => {
    await Promise.all(links.splice(0).map((link) => link.close()));
    await server.remove();
  });
  /** The server removes the files of a deleted stream a little later, and refuses one of the same name until then. */
  const addStream = (config: Partial<StreamConfig>) => server.ask(async (jsm) => {
    for (let tries = 0; ; tries++) {
      try {
        return await jsm.streams.add({ name: "SECURITY_EVENTS", ...config });
      } catch (error) {
        if (tries === 100 || !/creating store/.test(String(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });
  const infoOf = (stream: string) => server.ask(async (jsm) => (await jsm.streams.info(stream)).config);
  const failed = (work: Promise<unknown>) => work.then(() => assert.fail("no error"), (error: unknown) => error as SiemError);

  it("are made with the settings of the contract, by several at once, and found by the next", async () => {
    await start();
    const sessions = await Promise.all(Array.from({ length: 4 }, (_, index) => made({ streamBytes: String((index + 1) * 10 ** 8), dedupeWindow: 60 }).session()));
    await Promise.all(sessions.flatMap((session) => [session.stream(), session.bucket()]));
    const { subjects, retention, storage, discard, max_age: maxAge, max_bytes: bytes, duplicate_window: window } = await infoOf("SECURITY_EVENTS");
    assert.deepEqual({ subjects, retention, storage, discard, maxAge, window }, { subjects: ["security.events.*"], retention: "workqueue", storage: "file", discard: "new", maxAge: 0, window: 60e9 });
    assert.ok([1, 2, 3, 4].map((times) => times * 10 ** 8).includes(bytes));
    assert.equal((await infoOf("KV_security-events")).max_msgs_per_subject, 1);
    const later = await made({ create: false }).session();
    await later.stream();
    const bucket = await later.bucket();
    const revision = await bucket.put("cursor.a", "1");
    assert.equal((await bucket.get("cursor.a"))?.revision, revision);
  });

  it("that exist with a setting under which something could be lost are refused, naming it", async () => {
    await start();
    const good = { subjects: ["security.events.*"], retention: "workqueue", storage: "file", discard: "new" };
    const rows: [Record<string, unknown>, string, string][] = [
      [{ retention: "limits" }, "retention", "limits"], [{ storage: "memory" }, "storage", "memory"], [{ discard: "old" }, "discard", "old"], [{ max_age: 3600e9 }, "max_age", "3600000000000"],
      [{ max_msgs_per_subject: 5 }, "max_msgs_per_subject", "5"], [{ subjects: ["orders.>"] }, "subjects", "orders.>"], [{ subjects: ["security.events.a.b"] }, "subjects", "security.events.a.b"], [{ no_ack: true }, "no_ack", "true"],
      [{ subject_transform: { src: "security.events.*", dest: "other.{{wildcard(1)}}" } }, "subject_transform", "other"],
    ];
    const watched = made();
    const session = await watched.session();
    for (const [change, setting, found] of rows) {
      await addStream({ ...good, ...change } as Partial<StreamConfig>);
      const error = await failed(session.stream());
      assert.equal(error.code, "STREAM_UNSUITABLE", `${setting}: ${String(error)}`);
      assert.ok(error.message.includes(`SECURITY_EVENTS has ${setting} = `) && error.message.includes(found), error.message);
      await server.ask((jsm) => jsm.streams.delete("SECURITY_EVENTS"));
    }
    for (const subjects of [["security.events.siem"], ["security.events.>"], ["security.>"], ["orders", "security.events.*"]]) {
      await addStream({ ...good, subjects } as Partial<StreamConfig>);
      await session.stream();
      await server.ask((jsm) => jsm.streams.delete("SECURITY_EVENTS"));
    }
  });

  it("that keep cursors for a time only, or in memory, or that hold other subjects, are refused", async () => {
    await start();
    const session = await made().session();
    const good = { name: "KV_security-events", subjects: ["$KV.security-events.>"], max_msgs_per_subject: 1, allow_rollup_hdrs: true, discard: "new" };
    const rows: [Record<string, unknown>, string][] = [
      [{ max_age: 60e9 }, "max_age"], [{ storage: "memory" }, "storage"], [{ subjects: ["orders"] }, "subjects"], [{ discard: "old", max_bytes: 1000 }, "discard"], [{ retention: "workqueue" }, "retention"],
    ];
    for (const [change, setting] of rows) {
      await addStream({ ...good, ...change } as Partial<StreamConfig>);
      const error = await failed(session.bucket());
      assert.equal(error.code, "STREAM_UNSUITABLE", setting);
      assert.ok(error.message.includes(`KV_security-events has ${setting} = `), error.message);
      await server.ask((jsm) => jsm.streams.delete("KV_security-events"));
    }
    await addStream({ ...good, max_msgs_per_subject: 10 } as Partial<StreamConfig>);
    await session.bucket();
  });

  it("are not made where the settings say so, or where the server refuses them", async () => {
    await start({ jetstreamSettings: "max_file: 50M" });
    const careful = await made({ create: false }).session();
    for (const work of [careful.stream(), careful.bucket()]) {
      const error = await failed(work);
      assert.equal(error.code, "STREAM_MISSING");
      assert.match(error.message, /no stream (SECURITY_EVENTS|KV_security-events) \(stream not found\)/);
    }
    const rows = [[{}, /insufficient storage/], [{ replicas: 3, streamBytes: "10000000" }, /replicas > 1 not supported/]] as const;
    for (const [properties, words] of rows) {
      const error = await failed((await made(properties).session()).stream());
      assert.equal(error.code, "STREAM_REFUSED");
      assert.match(error.message, words);
    }
    await addStream({ name: "OTHER", subjects: ["security.>"] });
    const taken = await failed((await made({ streamBytes: "10000000" }).session()).stream());
    assert.match(taken.message, /SECURITY_EVENTS: subjects overlap/);
  });

  it("are asked for again soon where the refusal may pass by itself", async () => {
    const refusing = (code: number) => ({
      streams: { info: () => Promise.reject(Object.assign(new Error("stream not found"), { code: 10059 })), add: () => Promise.reject(Object.assign(new Error("not now"), { code })) },
    }) as unknown as JetStreamManager;
    const settings = readSettings({ servers: "127.0.0.1" }, {}, undefined);
    for (const [code, permanent] of [[10005, false], [10008, false], [10049, false], [10052, true]] as const) {
      await assert.rejects(openStream(refusing(code), settings, plain), { code: "STREAM_REFUSED", permanent, message: /SECURITY_EVENTS: not now/ });
    }
  });

  it("that are deleted under a running connection are missed in words, and made again", async () => {
    await start();
    const watched = made();
    const session = await watched.session();
    await session.stream();
    const bucket = await session.bucket();
    await server.ask(async (jsm) => {
      await jsm.streams.delete("SECURITY_EVENTS");
      await jsm.streams.delete("KV_security-events");
    });
    const missing = async (work: Promise<unknown>, name: string) => {
      const error = watched.link.explain(await failed(work));
      assert.equal(error.code, "STREAM_MISSING");
      assert.ok(error.message.includes(`no stream ${name}`), error.message);
    };
    await missing(session.js.publish("security.events.siem", "x"), "SECURITY_EVENTS");
    await missing(session.jsm.consumers.info("SECURITY_EVENTS", "siem"), "SECURITY_EVENTS");
    await missing(bucket.put("a", "1"), "KV_security-events");
    await session.stream();
    await (await session.bucket()).put("a", "1");
    await session.js.publish("security.events.siem", "x");
  });

  describe("with a user who may do no more than needed", () => {
    const user = nkeys.createUser();
    const admin = nkeys.createUser();
    const settings = (publish: readonly string[], subscribe = ["_INBOX.>"]) => `authorization { users: [
      { nkey: ${admin.getPublicKey()} },
      { nkey: ${user.getPublicKey()}, permissions: { publish: ${JSON.stringify(publish)}, subscribe: ${JSON.stringify(subscribe)} } }
    ] }`;
    const signIn = { authType: "nkey", create: false };
    const credentials = { nkeySeed: textOf(user.getSeed()) };

    const startWith = async (publish: readonly string[], subscribe?: string[]) => {
      await start({ settings: settings(publish, subscribe), admin: { authenticator: nkeyAuthenticator(admin.getSeed()) } });
      const boss = watchedLink({ servers: server.address, authType: "nkey" }, { credentials: { nkeySeed: textOf(admin.getSeed()) } });
      const session = await boss.session();
      await session.stream();
      await session.bucket();
      await session.jsm.consumers.add("SECURITY_EVENTS", { durable_name: "siem", filter_subject: "security.events.siem", ack_policy: AckPolicy.Explicit });
      await boss.close();
    };

    /** Everything that the nodes do with a connection. */
    const useEverything = async (watched: WatchedLink) => {
      const session = await Promise.race([watched.session(), watched.failure().then((error) => { throw error; })]);
      await session.stream();
      const bucket = await session.bucket();
      const revision = await bucket.put("cursor.a", "1");
      await bucket.get("cursor.a");
      await bucket.update("cursor.a", "2", revision);
      await session.js.publish("security.events.siem", "x");
      const consumer = await session.js.consumers.get("SECURITY_EVENTS", "siem");
      const messages = await consumer.fetch({ max_messages: 1, expires: 1000 });
      for await (const message of messages) message.ack();
      await session.jsm.getAccountInfo();
    };

    it("do all that the nodes need", async () => {
      await startWith(PUBLISH);
      const watched = made(signIn, credentials);
      await useEverything(watched);
      const left = await server.ask(async (jsm) => (await jsm.consumers.info("SECURITY_EVENTS", "siem")).num_ack_pending);
      assert.equal(left, 0);
      assert.deepEqual(watched.outages, []);
    });

    it("name each permission that is missing", async () => {
      await startWith(PUBLISH);
      for (const missing of PUBLISH) {
        await server.reload(settings(PUBLISH.filter((subject) => subject !== missing)));
        const watched = made(signIn, credentials);
        const thrown = await useEverything(watched).then(() => undefined, (error: unknown) => watched.link.explain(error));
        const subject = missing.replace(".>", "");
        const named = () => [thrown, ...watched.outages].filter((error) => error?.code === "NATS_PERMISSION" && error.message.includes(`may not use ${subject}`));
        await until(() => named().length > 0, `${missing} is named: ${String(thrown)} ${watched.outages.map(String).join()}`);
        assert.ok(watched.outages.length <= 1, watched.outages.map(String).join());
      }
      await server.reload(settings(PUBLISH, ["elsewhere"]));
      assert.match((await made(signIn, credentials).failure()).message, /may not use _INBOX\..* \(subscription\)/);
    });

    it("are not made without the permission for it", async () => {
      await startWith([...PUBLISH, "$JS.API.STREAM.INFO.NEW"]);
      const error = await failed((await made({ ...signIn, stream: "NEW", create: true }, credentials).session()).stream());
      assert.match(error.message, /may not use \$JS\.API\.STREAM\.CREATE\.NEW \(publish\)/);
    });
  });
});
