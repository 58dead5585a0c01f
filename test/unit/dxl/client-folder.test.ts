import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SiemError } from "../../../src/common/errors";
import { provisionFolder } from "../../../src/dxl/client-folder";
import { parseClientConfig } from "../../../src/dxl/client-config";

const PROVISIONED = {
  brokers: "{b1}={b1};8883;broker1.example.com;192.0.2.1\n{b2}={b2};8883;broker2.example.com", webSocketBrokers: "{b1}={b1};443;broker1.example.com",
  brokerCertChain: "CA", certificate: "CERTIFICATE", privateKey: "KEY",
};

describe("a folder for the clients of a fabric", () => {
  let parent: string;
  beforeEach(() => { parent = mkdtempSync(join(tmpdir(), "client-folder-")); });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  const refused = async (folder: string, code: string) => {
    const before = readdirSync(parent, { recursive: true }).sort();
    await assert.rejects(
      provisionFolder(folder, async () => assert.fail("the server was asked")),
      (error) => error instanceof SiemError && error.code === code && error.message.includes(folder),
    );
    assert.deepEqual(readdirSync(parent, { recursive: true }).sort(), before);
  };

  it("is made with its files, which only its owner may read, whatever the umask is", async () => {
    const folder = join(parent, "deep", "dxl");
    const umask = process.umask(0);
    try {
      assert.deepEqual(await provisionFolder(folder, async () => PROVISIONED), { folder });
    } finally {
      process.umask(umask);
    }
    assert.deepEqual(readdirSync(folder).sort(), ["ca-bundle.crt", "client.crt", "client.key", "dxlclient.config"]);
    for (const name of readdirSync(folder)) assert.equal(mode(join(folder, name)), "600", name);
    for (const path of [folder, join(parent, "deep")]) assert.equal(mode(path), "700");
    assert.deepEqual(readdirSync(join(parent, "deep")), ["dxl"]);
    const options = parseClientConfig(readFileSync(join(folder, "dxlclient.config"), "utf8"), { folder, readFile: (path) => readFileSync(path, "utf8") });
    assert.deepEqual(options.brokers.map(({ host }) => host), ["broker1.example.com", "192.0.2.1", "broker2.example.com"]);
    assert.deepEqual(options.credentials, { brokerCertChain: "CA\n", certificate: "CERTIFICATE\n", privateKey: "KEY\n", passphrase: undefined });
  });

  it("may be there and empty, and is made anew then", async () => {
    const folder = join(parent, "empty");
    mkdirSync(folder, { mode: 0o777 });
    await provisionFolder(folder, async () => PROVISIONED);
    assert.equal(mode(folder), "700");
  });

  it("is never overwritten: the server is not even asked", async () => {
    const folder = join(parent, "dxl");
    mkdirSync(folder);
    writeFileSync(join(folder, "client.key"), "old");
    await refused(folder, "PROVISION_FOLDER_EXISTS");
    assert.equal(readFileSync(join(folder, "client.key"), "utf8"), "old");
    await refused(join(folder, "client.key"), "PROVISION_FOLDER_EXISTS");
    await refused(join(folder, "client.key", "below"), "PROVISION_FOLDER_FAILED");
  });

  it("is no symbolic link, to a folder or to nothing", async () => {
    const elsewhere = join(parent, "elsewhere");
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(parent, "link"));
    symlinkSync(join(parent, "nothing"), join(parent, "dangling"));
    for (const name of ["link", "dangling"]) await refused(join(parent, name), "PROVISION_FOLDER_EXISTS");
    assert.deepEqual(readdirSync(elsewhere), []);
  });

  it("is not replaced if something is put in its place meanwhile", async () => {
    const [folder, elsewhere] = [join(parent, "dxl"), join(parent, "elsewhere")];
    mkdirSync(elsewhere);
    for (const put of [() => symlinkSync(elsewhere, folder), () => writeFileSync(folder, "mine"), () => {
      mkdirSync(folder);
      writeFileSync(join(folder, "mine"), "");
    }]) {
      await assert.rejects(provisionFolder(folder, async () => {
        put();
        return PROVISIONED;
      }), { code: "PROVISION_FOLDER_FAILED" });
      assert.deepEqual(readdirSync(elsewhere), []);
      assert.ok(lstatSync(folder).isSymbolicLink() || lstatSync(folder).isFile() || existsSync(join(folder, "mine")));
      assert.deepEqual(readdirSync(parent).sort(), ["dxl", "elsewhere"]);
      rmSync(folder, { recursive: true });
    }
  });

  it("is not made if the server is not confirmed, or refuses", async () => {
    assert.deepEqual(await provisionFolder(join(parent, "dxl"), async () => ({ fingerprint: "AB" })), { fingerprint: "AB" });
    await assert.rejects(provisionFolder(join(parent, "dxl"), async () => { throw new Error("refused"); }), /refused/);
    assert.deepEqual(readdirSync(parent), []);
  });

  it("has no section that the server adds to its brokers", async () => {
    const folder = join(parent, "dxl");
    await provisionFolder(folder, async () => ({ ...PROVISIONED, brokers: `${PROVISIONED.brokers}\n[Certs]\r#PrivateKey=x\n` }));
    assert.equal(readFileSync(join(folder, "dxlclient.config"), "utf8").match(/\[Certs\]/g)?.length, 1);
  });
});
