/** A Code42 gateway on loopback that repeats a text in whatever it may send. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The places of an answer in which the server can repeat the text. */
export const PLACES = ["problems", "error", "content type and body", "location", "body that is no JSON", "problems of a search", "names of saved searches", "terms of a saved search"] as const;

export class EchoServer {
  say = "";
  place: (typeof PLACES)[number] = "problems";
  /** True: sign-ins are refused, with the text as the reason. */
  refusesSignIn = false;
  /** Every token that a sign-in got. */
  readonly tokens: string[] = [];
  private valid = "";

  private readonly server = createServer((request, response) => {
    request.resume();
    request.on("end", () => this.answer(request.url ?? "", request.headers.authorization ?? "", response));
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The client has to sign in again. */
  forgetToken(): void {
    this.valid = "";
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private answer(path: string, authorization: string, response: ServerResponse): void {
    const { say } = this;
    // Node.js sends headers in Latin-1.
    const header = say.replace(/[^ -~\xa0-\xff]/g, "");
    const json = (status: number, body: unknown) =>
      void response.writeHead(status, header, { "content-type": "application/json", "x-request-id": header, "www-authenticate": `Basic realm="${header}"` }).end(JSON.stringify(body));
    if (path.startsWith("/v1/oauth")) {
      if (this.refusesSignIn) return json(401, { error: "invalid_client", error_description: `refused ${say}` });
      this.valid = `canary-Token/${this.tokens.length}+of.the=gateway`;
      this.tokens.push(this.valid);
      return json(200, { access_token: this.valid, token_type: "bearer", expires_in: 900 });
    }
    if (authorization !== `Bearer ${this.valid}`) return json(401, {});
    switch (this.place) {
      case "problems": return json(400, { problems: [{ type: say, description: `not so ${say}` }] });
      case "error": return json(403, { error: say, error_description: `because ${say}` });
      case "content type and body": return void response.writeHead(200, header, { "content-type": `text/html; ${header}` }).end(`<html><p>${say}</p>`);
      case "location": return void response.writeHead(302, header, { location: `https://${header}.example/${header}?a=${header}` }).end();
      case "body that is no JSON": return void response.writeHead(409, header, { "content-type": "application/json" }).end(`{"error": "${say}`);
      case "problems of a search": return json(200, { fileEvents: [], totalCount: 0, nextPgToken: null, problems: [{ type: say, description: say }] });
      case "names of saved searches": return json(200, { searches: [{ id: "1", name: say }, { id: say, name: "twice" }, { id: "3", name: "twice" }] });
      case "terms of a saved search": return json(200, {
        searches: ["saved", "missing"].map((id) => ({ id, name: say, groups: [{ filters: [{ term: "fileName", operator: "IS", value: say }, { term: say, operator: "IS", value: say }, { term: "a", operator: say }] }] })),
      });
    }
  }
}
