import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { makeCertificates } from "../support/certs";
import { launchBrowser } from "../support/editor";
import { BROKERS, ManagementServer, PASSWORD, USER } from "../support/management-server";
import { startNodeRed, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

/** The part of the editor's API that is used here; it exists only inside the page. */
declare const RED: {
  editor: { editConfig(name: string, type: string, id: string): void };
  nodes: {
    eachConfig(visit: (node: { type: string }) => void): void;
    createCompleteNodeSet(): { type: string; credentials?: Record<string, string> }[];
  };
};

describe("provisioning in the edit dialog of dxl-fabric", () => {
  const userDir = mkdtempSync(join(tmpdir(), "siem-provisioning-"));
  const certs = makeCertificates();
  let nodeRed: NodeRedProcess;
  let server: ManagementServer;
  let browser: Browser;
  let page: Page;

  before(async function () {
    this.timeout(120_000);
    server = await ManagementServer.start(certs, certs.otherServer);
    nodeRed = await startNodeRed({ userDir, modules: packedPackage().modules });
    browser = await launchBrowser();
  });

  beforeEach(async () => {
    page = await (await browser.newContext({ locale: "en-US", viewport: { width: 1200, height: 1200 } })).newPage();
    await page.goto(nodeRed.url);
    await page.waitForSelector("#red-ui-palette .red-ui-palette-node");
    await page.addStyleTag({ content: "#red-ui-notifications { display: none }" });
    await page.evaluate(() => RED.editor.editConfig("", "dxl-fabric", "_ADD_"));
  });

  afterEach(() => page.context().close());

  after(async () => {
    await browser?.close();
    await nodeRed.stop();
    await server.stop();
    rmSync(userDir, { recursive: true, force: true });
    certs.remove();
  });

  const part = (name: string) => page.locator(`#dxl-fabric-provision-${name}`);
  const fillIn = async (more: Record<string, string> = {}) => {
    await page.locator("#dxl-fabric-provision summary").click();
    const form = { host: "127.0.0.1", port: String(server.port), user: USER, password: PASSWORD, commonName: "node-red", ...more };
    for (const [name, value] of Object.entries(form)) await part(name).fill(value);
  };

  it("writes the folder that the form names, and the fabric uses it", async () => {
    await page.locator("#dxl-fabric-source").selectOption("here");
    await fillIn({ truststore: certs.read(certs.otherCa.cert), folder: "dxl/client" });
    await part("start").click();
    await page.waitForFunction(() => /files are in the folder/.test(document.querySelector("#dxl-fabric-provision-result")?.textContent ?? ""));
    assert.equal(await page.locator("#node-config-input-configFile").inputValue(), join(userDir, "dxl", "client"));
    assert.equal(await page.locator("#node-config-input-configFile").isVisible(), true);
    assert.equal(await page.locator("#node-config-input-privateKey").inputValue(), "");
    assert.ok(existsSync(join(userDir, "dxl", "client", "client.key")));
    server.requests.length = 0;
  }).timeout(60_000);

  it("asks to confirm the fingerprint and fills the form, and a deploy stores the credentials", async () => {
    await fillIn();
    await part("start").click();
    await page.waitForFunction(() => /authority that is not known/.test(document.querySelector("#dxl-fabric-provision-result")?.textContent ?? ""));
    await part("byFingerprint").check();
    assert.equal(await part("truststore").isVisible(), false);
    await part("start").click();
    await part("confirm").waitFor();
    assert.match((await part("result").textContent()) ?? "", /([0-9A-F]{2}:){31}/);
    assert.ok(await part("result").evaluate((box) => box.scrollWidth <= box.clientWidth), "the fingerprint is cut off");
    assert.deepEqual(server.requests, []);
    await part("port").fill("1");
    await part("confirm").waitFor({ state: "detached" });
    await part("port").fill(String(server.port));
    await part("start").click();
    await part("confirm").click();
    await page.waitForFunction(() => (document.querySelector<HTMLInputElement>("#node-config-input-brokers")?.value ?? "") !== "");
    assert.equal(await page.locator("#node-config-input-brokers").inputValue(), BROKERS);
    assert.equal(await page.locator("#node-config-input-privateKey").isVisible(), true);
    assert.equal(await part("password").inputValue(), "");

    await page.locator("#node-config-dialog-ok").click();
    await page.waitForFunction(() => {
      let found = false;
      RED.nodes.eachConfig((node) => (found ||= node.type === "dxl-fabric"));
      return found;
    });
    // The flows as a deploy sends them.
    const flows = await page.evaluate(() => RED.nodes.createCompleteNodeSet());
    const fabric = flows.find(({ type }) => type === "dxl-fabric");
    assert.match(fabric?.credentials?.["privateKey"] ?? "", /^-----BEGIN PRIVATE KEY-----/);
    assert.match(fabric?.credentials?.["certificate"] ?? "", /^-----BEGIN CERTIFICATE-----/);
    assert.ok(!JSON.stringify(flows).includes(PASSWORD));
    assert.equal((await page.request.post(`${nodeRed.url}/flows`, { data: flows })).status(), 204);
    const stored = readFileSync(join(userDir, "flows.json"), "utf8");
    assert.match(stored, /broker1\.example\.com/);
    assert.doesNotMatch(stored, /BEGIN|provision/);
  });
});
