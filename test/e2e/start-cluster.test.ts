import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ensureBuilt, root } from "../../scripts/built";
import { freePort } from "../support/free-port";

const NATS = join(root, ".cache/nats-server/usr/sbin");
/** Reading them takes longer than the time until the first kill. */
const EVENTS = 10_000;

describe("npm start -- --cluster", function () {
  this.timeout(180_000);
  const folder = mkdtempSync(join(tmpdir(), "siem-start-"));

  before(() => ensureBuilt());
  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = async (args: readonly string[], path = `${NATS}${delimiter}${process.env["PATH"] ?? ""}`) => {
    const child = spawn(process.execPath, ["--import", "tsx", "scripts/start.ts", ...args], {
      cwd: root,
      env: { ...process.env, PATH: path, DEMO_DIR: folder, PORT: String(await freePort()) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => { output += chunk.toString(); });
    const [code] = await once(child, "exit") as [number | null];
    return { code, output };
  };

  it("delivers all events through two Node-REDs while the one that polls is killed", async () => {
    const { code, output } = await start(["--cluster", "--kill", "--events", String(EVENTS), "--headless-until-idle"]);
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`^delivered ${EVENTS} of ${EVENTS}$`, "m"));
    const killed = /kill -9: ([ab])/.exec(output)?.[1];
    assert.ok(killed !== undefined, output);
    for (const name of ["a", "b"]) assert.match(output, new RegExp(`${name} polls; lines a [\\d,]+, b [\\d,]+; arrived [\\d,]+ of ${EVENTS.toLocaleString("en-US")}, missing [\\d,]+, repeated \\d`), output);
    assert.match(output, /Editor of b: http:\/\/127\.0\.0\.1:\d+\//);
  });

  it("says how to install nats-server where there is none", async () => {
    const { code, output } = await start(["--cluster", "--events", "10"], "/nowhere");
    assert.equal(code, 1, output);
    assert.match(output, /nats-server is not on the PATH\. Install it: apt-get install nats-server/);
  });

  it("refuses --kill alone", async () => {
    const { code, output } = await start(["--kill"]);
    assert.equal(code, 1, output);
    assert.match(output, /use it with --cluster/);
  });
});
