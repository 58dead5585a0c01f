/** Finds the services behind a console (py42 `services/_connection.py`, `services/_keyvaluestore.py`). */
import { plain } from "../../common/border";
import { parsed } from "../../common/json";
import { isRecord } from "../../common/messages";
import { addressFault, isLoopback } from "./base-url";
import { keyValueStoreOf, unwrap } from "./legacy";
import { tenantError } from "./tenant-errors";

export interface ServiceDependencies {
  /** `GET /api/v1/ServerEnv` of the console, signed in: JSON. */
  environment(signal: AbortSignal): Promise<{ data: Buffer }>;
  /** A short text, read without a token. */
  text(base: URL, path: string, signal: AbortSignal): Promise<string>;
}

const isUnencrypted = (text: string): boolean => new URL(text).protocol === "http:";

export class ServiceDirectory {
  private readonly found = new Map<string, URL>();
  private store: URL | undefined;

  constructor(private readonly console: URL, private readonly dependencies: ServiceDependencies) {}

  /** The base URL of the service that `key` stands for. Throws SERVICE_UNKNOWN, and what the requests throw. */
  async find(key: string, signal: AbortSignal): Promise<URL> {
    const known = this.found.get(key);
    if (known !== undefined) return known;
    this.store ??= this.address(keyValueStoreOf(await this.stsBaseUrl(signal)), "stsBaseUrl");
    const service = this.address(await this.dependencies.text(this.store, `/v1/${key}`, signal), key);
    this.found.set(key, service);
    return service;
  }

  /** Forgets the addresses: the next call looks its own up again. */
  forget(): void {
    this.found.clear();
    this.store = undefined;
  }

  private async stsBaseUrl(signal: AbortSignal): Promise<string> {
    const { data } = await this.dependencies.environment(signal);
    const environment = parsed(unwrap(data));
    const url = isRecord(environment) ? environment["stsBaseUrl"] : undefined;
    return typeof url === "string" ? url : "";
  }

  /** Throws SERVICE_UNKNOWN for an address without encryption too, because the token is sent there; only a console on this machine may name one. */
  private address(text: string, key: string): URL {
    if (addressFault(text) !== undefined || (isUnencrypted(text) && !isLoopback(this.console.hostname))) throw tenantError("SERVICE_UNKNOWN", plain.params({ host: this.console.host, service: key }), { permanent: true });
    return new URL(text);
  }
}
