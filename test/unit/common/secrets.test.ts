import assert from "node:assert/strict";
import { SECRET_CHARACTERS } from "../../../src/common/limits";
import { basicOf, proxySecrets, tlsSecrets, withoutSecrets } from "../../../src/common/secrets";
import { Canaries, FORMS } from "../../support/canaries";

const SECRETS = ["canaryClientSecret7f3a", "p/ä ss+w=rd \"q\\\" <&> 9§", "KANARY234567ABCD", "🗝️schlüssel🗝️ÄÖÜ"];

describe("taking secrets out of texts", () => {
  for (const secret of SECRETS) {
    for (const [name, form] of Object.entries(FORMS)) {
      it(`leaves no fragment of 8 characters of ${JSON.stringify(secret)} as ${name}, wherever it is cut`, () => {
        const redact = withoutSecrets(() => [secret, basicOf("user", secret)]);
        const canaries = new Canaries([secret], "user");
        const text = form(secret, "user");
        for (let length = 1; length <= text.length; length++) {
          for (const part of [text.slice(0, length), text.slice(-length), `before ${text.slice(0, length)} after`]) {
            assert.deepEqual(canaries.in(redact(part)), [], part);
          }
        }
      });
    }
  }

  it("finds a secret in several escapes, of which each holds the next", () => {
    const redact = withoutSecrets(() => ["canary/Secret 7f3a"]);
    const once = encodeURIComponent("canary/Secret 7f3a");
    for (const text of [encodeURIComponent(once), JSON.stringify(JSON.stringify("canary/Secret 7f3a")), encodeURIComponent(JSON.stringify("canary/Secret 7f3a")), "c%61n\\u0061ry&#x2F;&#83;ecret\\x207f3a", "canary/Secret%25207f3a"]) {
      assert.doesNotMatch(redact(`<p>${text}</p>`), /anary|ecret|7f3a/i, text);
    }
  });

  it("finds a secret between control characters, in another case, and in base64 in lines", () => {
    const redact = withoutSecrets(() => ["canarySecret7f3aCanarySecret"]);
    assert.equal(redact("see cana\u0000ry\u202eSecret7f3aCanarySecret."), "see ***.");
    assert.equal(redact("https://canarysecret7f3acanarysecret/"), "https://***/");
    const base64 = Buffer.from("user:canarySecret7f3aCanarySecret").toString("base64");
    assert.doesNotMatch(redact(base64.replace(/.{10}/g, "$&\r\n")), /Y2FuYXJ|5U2Vj|cmV0N/);
  });

  it("takes short secrets out only whole, in forms that do not occur by chance", () => {
    const redact = withoutSecrets(() => ["pw1", "s3cr3t"]);
    assert.equal(redact("pw1 s3cr3t s3cr %70%77%31 cHcx s3cr3"), "*** *** s3cr *** *** s3cr3");
  });

  it("leaves the text alone without secrets, with blank ones, and around a secret", () => {
    assert.equal(withoutSecrets(() => [undefined, "", " "])("100 %, a b \\u0061"), "100 %, a b \\u0061");
    assert.equal(withoutSecrets(() => ["canarySecret7f3a"])("100 %, \\u0061 canarySecret7f3a \\n%zz"), "100 %, \\u0061 *** \\n%zz");
  });

  it("takes out the lines of a private key, and not the words around them", () => {
    const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQDT\n-----END PRIVATE KEY-----\n";
    const redact = withoutSecrets(() => [key]);
    assert.equal(redact(key), "-----BEGIN PRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\n");
    assert.doesNotMatch(redact(JSON.stringify(key)), /MIIE|BKcw/);
    assert.equal(redact("-----BEGIN CERTIFICATE-----"), "-----BEGIN CERTIFICATE-----");
  });

  it("asks for the secrets each time, because tokens change", () => {
    let token = "firstToken0001";
    const redact = withoutSecrets(() => [token]);
    assert.equal(redact("firstToken0001"), "***");
    token = "another-one-02";
    assert.equal(redact("firstToken0001 another-one-02"), "firstToken0001 ***");
  });

  it("knows the secrets of proxies and of TLS options", () => {
    assert.deepEqual(proxySecrets({ url: "http://p", username: "u", password: "w" }), ["w", basicOf("u", "w")]);
    assert.deepEqual(proxySecrets({ url: "http://p" }), []);
    assert.deepEqual(proxySecrets(undefined), []);
    assert.deepEqual(tlsSecrets({ passphrase: "p", key: [Buffer.from("k1"), "k2", { pem: "x" }] }), ["p", "k1", "k2"]);
  });

  it("shows nothing beside a secret that is too long to look for", () => {
    assert.equal(withoutSecrets(() => ["a secret", "b".repeat(SECRET_CHARACTERS + 1)])("any text"), "***");
    assert.equal(withoutSecrets(() => ["b".repeat(SECRET_CHARACTERS)])("any text"), "any text");
  });

  it("works in time linear in the length of hostile texts and secrets", () => {
    const redact = withoutSecrets(() => ["a".repeat(4000), "%61".repeat(1000), "ab".repeat(2000)]);
    const texts = ["a".repeat(4096), "%25".repeat(1365), "%2561".repeat(800), "\\".repeat(4096), "&#97;".repeat(800), "\u0000".repeat(4096), "\\u0061".repeat(680)];
    for (const text of texts) redact(text);
    const started = performance.now();
    for (const text of texts) redact(text);
    assert.ok(performance.now() - started < 1000, `${performance.now() - started} ms`);
  });
});
