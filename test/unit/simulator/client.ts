/** A plain client of the simulated tenant. It asserts nothing. */
import { startTenantSimulator, type TenantSimulator, type TenantSimulatorOptions } from "../../../src/simulator/tenant";

export interface Reply<T> {
  status: number;
  body: T;
  headers: Headers;
}

export class Client {
  private token: string | undefined;

  constructor(readonly tenant: TenantSimulator) {}

  async post<T>(path: string, body: unknown, base = this.tenant.url): Promise<Reply<T>> {
    return this.send(`${base}${path}`, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  }

  async get<T>(path: string, base = this.tenant.url): Promise<Reply<T>> {
    return this.send(`${base}${path}`, {});
  }

  /** Sends a request without a token. */
  async withoutToken<T>(url: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Reply<T>> {
    const reply = await fetch(url, options);
    return { status: reply.status, body: await reply.json() as T, headers: reply.headers };
  }

  private async send<T>(url: string, options: { method?: string; headers?: Record<string, string>; body?: string }): Promise<Reply<T>> {
    this.token ??= await this.signIn();
    return this.withoutToken(url, { ...options, headers: { ...options.headers, authorization: `Bearer ${this.token}` } });
  }

  private async signIn(): Promise<string> {
    const { clientId, clientSecret, url } = this.tenant;
    const { body } = await this.withoutToken<{ access_token: string }>(`${url}/v1/oauth`, { method: "POST", headers: { authorization: basic(clientId, clientSecret) } });
    return body.access_token;
  }
}

export const basic = (name: string, secret: string): string => `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;

/** Starts tenants with a client each, and closes them after the tests of this `describe`. */
export function clientStarter(): (options?: TenantSimulatorOptions) => Promise<Client> {
  const running: TenantSimulator[] = [];
  after(async () => {
    for (const tenant of running) await tenant.close();
  });
  return async (options = {}) => {
    const tenant = await startTenantSimulator({ requestsPerMinute: 10_000, ...options });
    running.push(tenant);
    return new Client(tenant);
  };
}
