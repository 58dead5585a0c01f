import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSiem, type Siem, type SiemOptions } from "../../../src/simulator/siem";
import { until } from "../../support/until";

const cef = (id: string) => `CEF:0|Code42|Incydr|2|file-created|File created|5|devicePayloadId=${id} msg=größe`;
const HEADER = "<134>Jan  8 11:07:53 host ";

describe("embedded SIEM", () => {
  const running: Siem[] = [];
  const start = async (options: SiemOptions = {}) => {
    const siem = await startSiem(options);
    running.push(siem);
    return siem;
  };
  afterEach(async () => {
    for (const siem of running.splice(0)) await siem.close();
  });

  /** Sends `bytes` in pieces of `step` bytes, so that frames are split at any byte. */
  async function send(port: number, bytes: Buffer, step = bytes.length) {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    for (let at = 0; at < bytes.length; at += step) await new Promise((resolve) => socket.write(bytes.subarray(at, at + step), resolve));
    socket.end();
  }

  it("reads both line feeds and octet counts on one connection, wherever the stream is split", async () => {
    const counted = `${HEADER}${cef("b")}`;
    const stream = Buffer.from(`${HEADER}${cef("a")}\n${Buffer.byteLength(counted)} ${counted}${cef("c")}\n`);
    for (const step of [1, 7, stream.length]) {
      const siem = await start();
      await send(siem.port, stream, step);
      await until(() => siem.received === 3, "three messages arrived");
      assert.deepEqual([...siem.ids], [["a", 1], ["b", 1], ["c", 1]]);
      assert.equal(siem.illegal, 0);
    }
  });

  it("takes every header form and refuses an unknown one", async () => {
    const illegal: string[] = [];
    const siem = await start({ onIllegal: (reason) => illegal.push(reason) });
    const lines = [HEADER, "Jan 18 11:07:53 host ", "<134>1 2024-01-08T11:07:53.123Z host app 1 CEF - ", "", "something else "].map((header, n) => `${header}${cef(String(n))}\n`);
    await send(siem.port, Buffer.from(lines.join("")));
    await until(() => siem.received === 5, "all arrived");
    assert.equal(siem.ids.size, 4);
    assert.match(illegal.join(), /no syslog header/);
  });

  it("refuses invalid UTF-8 but not the replacement character itself", async () => {
    const siem = await start();
    await send(siem.port, Buffer.concat([Buffer.from(`${cef("a")}\ufffd\n`), Buffer.from(cef("b")), Buffer.from([0xff, 10])]));
    await until(() => siem.received === 2, "both arrived");
    assert.equal(siem.illegal, 1);
    assert.deepEqual([...siem.ids.keys()], ["a"]);
  });

  it("counts duplicates by id, and incomplete messages", async () => {
    const siem = await start();
    await send(siem.port, Buffer.from(`${cef("a")}\n${cef("a")}\n${cef("b")}\n${cef("c")}`));
    await until(() => siem.cut === 1, "the connection ended");
    assert.equal(siem.received, 3);
    assert.equal(siem.duplicates, 1);
    assert.equal(siem.ids.get("a"), 2);
  });

  it("takes datagrams", async () => {
    const siem = await start({ udpPort: 0 });
    const socket = createSocket("udp4");
    socket.send(cef("u"), siem.udpPort, "127.0.0.1");
    await until(() => siem.ids.has("u"), "the datagram arrived");
    socket.close();
  });

  it("appends one line for each message to its log, and continues it after a restart on the same port", async () => {
    const folder = mkdtempSync(join(tmpdir(), "siem-"));
    try {
      const logFile = join(folder, "siem.log");
      const first = await startSiem({ logFile });
      const multi = `${HEADER}two\nlines`;
      await send(first.port, Buffer.from(`${HEADER}${cef("a")}\n${Buffer.byteLength(multi)} ${multi}`));
      await until(() => first.received === 2, "both arrived");
      const { port } = first;
      await first.close();
      const second = await start({ logFile, port });
      await send(second.port, Buffer.from(`${cef("b")}\n`));
      await until(() => second.received === 1, "the third arrived");
      await running.pop()?.close();
      assert.deepEqual(readFileSync(logFile, "utf8").split("\n"), [`${HEADER}${cef("a")}`, `${HEADER}two\\nlines`, cef("b"), ""]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
