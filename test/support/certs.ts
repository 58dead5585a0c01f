/** Makes certificates for TLS tests with openssl: valid ones and one of each invalid kind. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  /** Paths of the PEM files. */
  cert: string;
  key: string;
}

export interface Certificates {
  folder: string;
  ca: Certificate;
  otherCa: Certificate;
  /** For localhost, 127.0.0.1 and the `address` of `makeCertificates`. */
  server: Certificate;
  wrongName: Certificate;
  expired: Certificate;
  /** Issued by `otherCa`, for localhost and 127.0.0.1. */
  otherServer: Certificate;
  client: Certificate;
  /** Issued by `otherCa`. */
  otherClient: Certificate;
  read(path: string): string;
  remove(): void;
}

export function makeCertificates({ address = "127.0.0.1" } = {}): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "certificates-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const files = (name: string): Certificate => ({ cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) });

  const authority = (name: string) => {
    const made = files(name);
    openssl("req", "-x509", ...fresh, "-keyout", made.key, "-out", made.cert, "-days", "3650", "-subj", `/CN=${name}`);
    return made;
  };
  const issue = (name: string, issuer: Certificate, subjectAltName: string, days = 3650) => {
    const made = files(name);
    openssl("req", ...fresh, "-keyout", made.key, "-out", `${name}.csr`, "-subj", `/CN=${name}`, "-addext", `subjectAltName=${subjectAltName}`);
    openssl("x509", "-req", "-in", `${name}.csr`, "-CA", issuer.cert, "-CAkey", issuer.key, "-CAcreateserial",
      "-days", String(days), "-copy_extensions", "copy", "-out", made.cert);
    return made;
  };

  const local = "DNS:localhost,IP:127.0.0.1";
  const ca = authority("ca");
  const otherCa = authority("other-ca");
  return {
    folder,
    ca,
    otherCa,
    server: issue("server", ca, `${local},IP:${address}`),
    wrongName: issue("wrong-name", ca, "DNS:siem.example.com"),
    expired: issue("expired", ca, local, -1),
    otherServer: issue("other-server", otherCa, local),
    client: issue("client", ca, "DNS:node-red.example.com"),
    otherClient: issue("other-client", otherCa, "DNS:node-red.example.com"),
    read: (path) => readFileSync(path, "utf8"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
