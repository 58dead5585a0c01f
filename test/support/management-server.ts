/** A management server on loopback that issues client certificates for DXL, as ePO and the console of an OpenDXL broker do. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Certificate, Certificates } from "./certs";

export const USER = "admin";
export const PASSWORD = "pass:wörd ÿ";
export const BROKERS = "{b1}={b1};8883;broker1.example.com;192.0.2.1\n{b2}={b2};8883;broker2.example.com;192.0.2.2";
export const WEB_SOCKET_BROKERS = "{b1}={b1};443;broker1.example.com;192.0.2.1";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class ManagementServer {
  /** The headers of every request, as text. */
  readonly requests: string[] = [];
  /** The certificate signing requests, as PEM text. */
  readonly csrs: string[] = [];
  /** If set, this answers every request. */
  instead: Answer | undefined;
  /** The broker lines that it gives. */
  brokers = BROKERS;

  private constructor(private readonly server: Server, readonly port: number) {}

  static async start(certs: Certificates, identity: Certificate = certs.server, port = 0): Promise<ManagementServer> {
    const server = createServer({ cert: readFileSync(identity.cert), key: readFileSync(identity.key) });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    const made = new ManagementServer(server, (server.address() as AddressInfo).port);
    server.on("request", (request, response) => made.answer(certs, request, response));
    return made;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  /** The body of a reply with these parts. */
  static package(...parts: string[]): string {
    return `OK:\r\n${JSON.stringify(parts.join(","))}`;
  }

  private answer(certs: Certificates, request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(`${request.url ?? ""} ${JSON.stringify(request.headers)}`);
    const expected = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;
    const url = new URL(request.url ?? "", "https://server");
    if (this.instead !== undefined) {
      this.instead(request, response);
    } else if (request.headers.authorization !== expected) {
      response.writeHead(401).end("<html>login</html>");
    } else if (url.pathname !== "/remote/DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd" || url.searchParams.get(":output") !== "json") {
      response.writeHead(404).end();
    } else {
      const csr = url.searchParams.get("csrString") ?? "";
      this.csrs.push(csr);
      const certificate = execFileSync("openssl", ["x509", "-req", "-CA", certs.ca.cert, "-CAkey", certs.ca.key, "-CAcreateserial", "-days", "10", "-copy_extensions", "copy"], { input: csr, stdio: "pipe", encoding: "utf8" });
      response.end(ManagementServer.package(certs.read(certs.ca.cert).replaceAll("\n", "\r\n"), certificate, `${this.brokers}\n`, `${WEB_SOCKET_BROKERS}\n`));
    }
  }
}
