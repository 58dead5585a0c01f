import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ensureBuilt, root } from "../../scripts/built";
import { launchBrowser } from "../support/editor";
import { freePort } from "../support/free-port";
import { takePicture, takesPictures } from "../support/pictures";

const EVENTS = 3000;

describe("npm start", () => {
  const folder = mkdtempSync(join(tmpdir(), "siem-start-"));
  const lines = () => readFileSync(join(folder, "siem.log"), "utf8").split("\n").filter((line) => line !== "");
  /** The ids of the file events in the log; threat events have no id. */
  const logged = () => lines().map((line) => /[ |]devicePayloadId=(\S+)/.exec(line)?.[1]).filter((id) => id !== undefined);

  before(() => ensureBuilt());
  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = async (...args: string[]) => startOn(await freePort(), ...args);
  const startOn = (port: number | string, ...args: string[]) => {
    const child = spawn(process.execPath, ["--import", "tsx", "scripts/start.ts", ...args], {
      cwd: root,
      env: { ...process.env, DEMO_DIR: folder, PORT: String(port) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => { output += chunk.toString(); });
    const exit = once(child, "exit") as Promise<[number | null]>;
    return { child, exit, output: () => output };
  };

  /** The picture of the README: the flow with events running. */
  const pictureOf = async (editor: string) => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ viewport: { width: 1366, height: 560 } });
      await page.goto(editor);
      await page.locator(".red-ui-flow-node-status-label", { hasText: "delivered" }).waitFor();
      await page.addStyleTag({ content: "#red-ui-notifications { display: none }" });
      await page.evaluate(() => (globalThis as unknown as { RED: { actions: { invoke(name: string): void } } }).RED.actions.invoke("core:toggle-sidebar"));
      await page.locator(".red-ui-palette-node[data-palette-type=delivery-confirm]").scrollIntoViewIfNeeded();
      await page.waitForTimeout(5000);
      await takePicture(page, "first-flow.png");
    } finally {
      await browser.close();
    }
  };

  it("prints the editor's address and its progress, and stops in order", async () => {
    const { child, exit, output } = await start("--events", String(EVENTS));
    const end = Date.now() + 60_000;
    while (!(/backlog [1-9]/.test(output()) && /received [1-9]/.test(output()) && /cursor 20/.test(output())) && Date.now() < end) await delay(50);
    const dashboard = /Dashboard: (\S+)/.exec(output())?.[1] ?? "";
    const page = await fetch(dashboard);
    assert.equal(page.status, 200, dashboard);
    assert.match(await page.text(), /<div id="app">/);
    if (takesPictures) await pictureOf(/Editor: (\S+)/.exec(output())?.[1] ?? "");
    child.kill("SIGTERM");
    assert.deepEqual((await exit)[0], 0, output());
    assert.match(output(), /Editor: http:\/\/127\.0\.0\.1:\d+\//);
    assert.match(output(), /read [\d,]+ events, received [1-9]\d* threat events, delivered [\d,]+ lines .*cursor 20\d\d-/);
    assert.ok(lines().some((line) => line.includes("CEF:0|McAfee|ePolicy Orchestrator|")), "no threat event is in the log of the SIEM");
  });

  it("continues from its cursor, with no event missing and none twice", async () => {
    const before = logged().length;
    assert.ok(before > 0);
    const { exit, output } = await start("--headless-until-idle");
    assert.deepEqual((await exit)[0], 0, output());
    assert.match(output(), new RegExp(`^delivered ${EVENTS} of ${EVENTS}$`, "m"));
    const ids = logged();
    assert.equal(new Set(ids).size, ids.length, "an event came twice");
    assert.ok(ids.length >= EVENTS);
  });

  it("starts from the beginning with another backlog", async () => {
    const { exit, output } = await start("--events", "500", "--headless-until-idle");
    assert.deepEqual((await exit)[0], 0, output());
    assert.match(output(), /^delivered 500 of 500$/m);
    assert.equal(logged().length, 500);
  });

  it("reports an invalid option", async () => {
    const { exit, output } = await start("--events", "many");
    assert.deepEqual((await exit)[0], 1);
    assert.match(output(), /--events takes a number/);
  });

  for (const [what, before, ...args] of [["its port", 0], ["the port of the second Node-RED", 1, "--cluster"]] as const) {
    it(`says in one sentence that ${what} is taken, and what to do`, async () => {
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(0, resolve));
      const { port } = other.address() as AddressInfo;
      try {
        const { exit, output } = startOn(port - before, ...args);
        assert.equal((await exit)[0], 1);
        assert.match(output(), new RegExp(`^Port ${port} is taken, probably by another Node-RED: stop that one, or choose another port, such as PORT=\\d+ npm start\n$`));
      } finally {
        other.close();
      }
    });
  }

  it("says in one sentence that its port is no port", async () => {
    const { exit, output } = startOn("http");
    assert.equal((await exit)[0], 1);
    assert.equal(output(), "PORT must be a number from 1 to 65535, such as PORT=1890 npm start\n");
  });
});
