/** What can be made to go wrong in a simulator: each fault on its own switch, for one request, for some, or for all. */

export type TenantFault =
  /** Any status; `retryAfter` goes into the header as it is. */
  | { kind: "status"; status: number; retryAfter?: string | number; body?: unknown }
  | { kind: "redirect"; location: string }
  | { kind: "reset"; when: "before-headers" | "after-headers" }
  /** The body ends after `bytes`, with the connection. */
  | { kind: "truncate"; bytes: number }
  /** The body comes byte by byte. */
  | { kind: "drip"; everyMs: number }
  /** Nothing comes at all. */
  | { kind: "stall" }
  /** A body of `bytes`; compressed if the client accepts that. */
  | { kind: "oversized"; bytes: number }
  /** 200 with the login page of a proxy. */
  | { kind: "login-page" }
  /** 200, called JSON, and none. */
  | { kind: "not-json" }
  /** 200 with `problems`: searches for file events and alerts only. */
  | { kind: "problems"; description: string }
  /** 200 with null for the list: `fileEvents`, `alerts`, `items`, `events`, `searches`. */
  | { kind: "null-events" }
  /** The page names the token that it was asked with: searches for file events only. */
  | { kind: "same-token" }
  /** 400 INVALID_PAGE_TOKEN, for requests with a token only. */
  | { kind: "reject-token" };

export interface FaultScope {
  /** How many requests it hits; 1 by default, `Infinity` for all. */
  times?: number;
  /** How many requests it lets pass first. */
  after?: number;
  /** Of the requests that it hits; `/v2/file-events` by default. */
  path?: string;
}

export class Faults {
  private scripted: { fault: TenantFault; times: number; after: number; path: string }[] = [];
  /** How many requests were hit. */
  hits = 0;

  add(fault: TenantFault, { times = 1, after = 0, path = "/v2/file-events" }: FaultScope = {}): void {
    this.scripted.push({ fault, times, after, path });
  }

  clear(): void {
    this.scripted = [];
  }

  /** The fault of this request, if any; `hasToken` tells whether it asks for a page behind the first. */
  take(path: string, hasToken: boolean): TenantFault | undefined {
    for (const script of this.scripted) {
      if (script.path !== path || script.times <= 0 || (script.fault.kind === "reject-token" && !hasToken)) continue;
      if (script.after > 0) {
        script.after -= 1;
        continue;
      }
      script.times -= 1;
      this.hits += 1;
      return script.fault;
    }
    return undefined;
  }
}
