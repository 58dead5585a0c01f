/** A Code42 console with its services, and the users' sign-in of a gateway, on one loopback port. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface ConsoleRequest {
  method: string;
  /** With the query string. */
  path: string;
  headers: IncomingMessage["headers"];
  body: unknown;
}

export interface ConsoleServer {
  url: string;
  requests: ConsoleRequest[];
  /** Answers by path without query string; they replace the console's own answers. */
  answers: Record<string, (request: ConsoleRequest, response: ServerResponse) => unknown>;
  /** The answer of LoginConfiguration; undefined means 404. */
  loginType: string | undefined;
  /** The required header `totp-auth` for a user's sign-in. */
  totp: (() => string) | undefined;
  /** Service addresses by key. */
  services: Record<string, string>;
  tokensIssued: number;
  /** True if replies have a Date header. */
  sendsDate: boolean;
  /** The requests to `path` (without query string) so far. */
  asked(path: string): ConsoleRequest[];
  close(): void;
}

/** `login` (`name:secret`) is the only login that is accepted. */
export async function startConsoleServer(login: string): Promise<ConsoleServer> {
  const sockets = new Set<Socket>();
  const basic = `Basic ${Buffer.from(login).toString("base64")}`;

  const signIn = (field: string) => ({ headers }: ConsoleRequest, response: ServerResponse) => {
    if (headers.authorization !== basic || (server.totp !== undefined && headers["totp-auth"] !== server.totp())) {
      response.statusCode = 401;
      return { error: `Could not authenticate user ${headers.authorization}` };
    }
    server.tokensIssued += 1;
    return { data: { [field]: `token-${server.tokensIssued}` } };
  };
  const own: ConsoleServer["answers"] = {
    "/api/v3/auth/jwt": signIn("v3_user_token"),
    "/v1/auth": signIn("v3_user_token"),
    "/api/v3/oauth/token": signIn("access_token"),
    "/api/v3/LoginConfiguration": (_request, response) => {
      if (server.loginType === undefined) response.statusCode = 404;
      return { data: { loginType: server.loginType } };
    },
    "/api/v1/ServerEnv": () => ({ data: { stsBaseUrl: `${server.url}/sts` } }),
  };
  const open = new Set(["/api/v3/LoginConfiguration", ...Object.keys(own).filter((path) => /auth/.test(path))]);

  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const logged = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: text === "" ? undefined : JSON.parse(text) as unknown };
      server.requests.push(logged);
      const path = logged.path.replace(/\?.*/, "");
      const service = server.services[path.replace("/simple-key-value-store/v1/", "")];
      response.sendDate = server.sendsDate;
      if (service !== undefined) {
        response.end(service);
        return;
      }
      response.setHeader("content-type", "application/json");
      const answer = server.answers[path] ?? own[path];
      if (answer === undefined) response.statusCode = 404;
      else if (!open.has(path) && request.headers.authorization !== `Bearer token-${server.tokensIssued}`) response.statusCode = 401;
      const body = response.statusCode === 200 ? answer?.(logged, response) : {};
      if (!response.writableEnded) response.end(JSON.stringify(body));
    });
  });
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const server: ConsoleServer = {
    url, requests: [], answers: {}, loginType: "LOCAL", totp: undefined, tokensIssued: 0, sendsDate: true,
    services: { "FORENSIC_SEARCH-API_URL": `${url}/ffs`, "AlertService-API_URL": `${url}/alerts`, "AUDIT-LOG_API-URL": `${url}/audit` },
    asked: (path) => server.requests.filter((request) => request.path.replace(/\?.*/, "") === path),
    close: () => {
      http.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return server;
}
