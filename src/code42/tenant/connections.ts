/** Opens connections to one host of a tenant, directly or through a proxy, and keeps them between requests. */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import { TLSSocket, type ConnectionOptions } from "node:tls";
import { serverName } from "../../common/host";
import { bypasses, proxyUrl, type Proxy } from "../../common/proxy";
import { tenantError } from "./tenant-errors";

export interface ConnectionsOptions {
  base: URL;
  /** For the answer of the proxy, ms. */
  timeoutMs: number;
  tls: ConnectionOptions;
  proxy: Proxy | undefined;
}

export class Connections {
  private readonly tls: ConnectionOptions;
  private readonly proxy: URL | undefined;
  private made: Promise<HttpAgent> | undefined;
  private opened: HttpAgent | undefined;
  /** Connections on which the host answered TLS: Node.js has keys then. A resumed session has no certificate to ask for. */
  private readonly secured = new WeakSet<Duplex>();
  /** For each CONNECT request that the proxy has not answered yet: what aborts it. */
  private readonly tunnelling = new Set<AbortController>();

  /** Throws PROXY_URL_INVALID. */
  constructor(private readonly options: ConnectionsOptions) {
    const { base, proxy } = options;
    this.tls = { ...serverName(base.hostname), ...options.tls };
    if (proxy === undefined || bypasses(base, proxy.noproxy ?? [])) return;
    this.proxy = proxyUrl(proxy);
    if (this.proxy === undefined) throw tenantError("PROXY_URL_INVALID", {}, { permanent: true });
  }

  /** The agent that opens and keeps them. */
  agent(): Promise<HttpAgent> {
    return this.made ??= this.make().then((agent) => (this.opened = agent.on("keylog", (_line, socket: Duplex) => this.secured.add(socket))));
  }

  /** True if the host accepts connections and has answered TLS on none that is open. */
  get awaitsTls(): boolean {
    const { sockets = {}, freeSockets = {} } = this.opened ?? {};
    const open = [...Object.values(sockets), ...Object.values(freeSockets)].flatMap((list) => list ?? []);
    return open.length > 0 && open.every((socket) => !socket.connecting && socket instanceof TLSSocket && !this.secured.has(socket));
  }

  /** Closes all of them, those in use included. */
  close(): void {
    for (const tunnel of this.tunnelling) tunnel.abort();
    this.made?.then((agent) => agent.destroy(), () => undefined);
  }

  private async make(): Promise<HttpAgent> {
    const secure = this.options.base.protocol === "https:";
    if (this.proxy !== undefined) return this.tunnels(this.proxy, secure);
    return secure ? new HttpsAgent({ ...this.tls, keepAlive: true }) : new HttpAgent({ keepAlive: true });
  }

  private async tunnels(proxy: URL, secure: boolean): Promise<HttpAgent> {
    const { tls } = this;
    const { timeoutMs } = this.options;
    const { HttpProxyAgent, HttpsProxyAgent } = await import("hpagent");
    // The CONNECT request takes over nothing from the agent but `timeout`.
    const proxyRequestOptions = { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca as string[] }), signal: undefined as AbortSignal | undefined };
    const options = { keepAlive: true, proxy, timeout: timeoutMs, proxyRequestOptions };
    const agent: HttpAgent = secure ? new HttpsProxyAgent({ ...tls, ...options }) : new HttpProxyAgent(options);
    const createConnection = agent.createConnection.bind(agent);
    // hpagent never removes its listener from the signal. One signal for all would keep every request in memory, so each gets its own.
    agent.createConnection = (target, done) => {
      const tunnel = new AbortController();
      // A proxy may go on talking and never answer.
      const timer = setTimeout(() => tunnel.abort(), timeoutMs);
      proxyRequestOptions.signal = tunnel.signal;
      this.tunnelling.add(tunnel);
      return createConnection(target, (error, socket) => {
        clearTimeout(timer);
        this.tunnelling.delete(tunnel);
        done?.(error, socket);
      });
    };
    return agent;
  }
}
