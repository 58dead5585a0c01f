/** The addresses of the endpoints: of the gateway, the console and the services behind the console (py42 and incydr SDK). */
import { json, notFound, wrapped, type Route } from "./answer";
import type { AlertQueries } from "./endpoints/alerts";
import type { AuditSearch } from "./endpoints/audit-log";
import type { FileEventSearch } from "./endpoints/file-events";
import type { SavedSearches } from "./endpoints/saved-searches";
import type { SessionList } from "./endpoints/sessions";
import type { SignIn } from "./endpoints/sign-in";

export interface Endpoints {
  tenantId: string;
  signIn: SignIn;
  v1: FileEventSearch;
  v2: FileEventSearch;
  savedSearches: SavedSearches;
  alerts: AlertQueries;
  sessions: SessionList;
  audit: AuditSearch;
}

export const gatewayRoutes = ({ tenantId, signIn, v1, v2, savedSearches, alerts, sessions, audit }: Endpoints): Route[] => [
  { method: "POST", path: "/v1/oauth", access: "anyone", answer: signIn.oauth },
  { method: "GET", path: "/v1/auth", access: "anyone", answer: signIn.auth },
  { method: "GET", path: "/v1/customer", access: "token", answer: () => json(200, { name: "Simulated tenant", registrationKey: "simulated", tenantId }) },
  { method: "POST", path: "/v1/file-events", access: "query", answer: v1.search },
  { method: "POST", path: "/v2/file-events", access: "query", answer: v2.search },
  { method: "GET", path: "/v2/file-events/saved-searches", access: "query", answer: savedSearches.listV2 },
  { method: "GET", path: "/v2/file-events/saved-searches/:id", access: "query", answer: savedSearches.findV2 },
  { method: "POST", path: "/v1/alerts/query-alerts", access: "query", answer: alerts.query },
  { method: "POST", path: "/v1/alerts/query-details", access: "query", answer: alerts.details },
  { method: "GET", path: "/v1/sessions", access: "query", answer: sessions.list },
  { method: "POST", path: "/v1/audit/search-audit-log", access: "query", answer: audit.search },
];

/** The services whose addresses the console gives. */
export const serviceRoutes = ({ v1, v2, savedSearches, alerts, audit }: Endpoints): Route[] => {
  const routes: Route[] = [
    { method: "POST", path: "/forensic-search/queryservice/api/v1/fileevent", access: "query", answer: v1.search },
    { method: "POST", path: "/forensic-search/queryservice/api/v2/fileevent", access: "query", answer: v2.search },
    { method: "GET", path: "/forensic-search/queryservice/api/v1/saved", access: "query", answer: savedSearches.listV1 },
    { method: "GET", path: "/forensic-search/queryservice/api/v1/saved/:id", access: "query", answer: savedSearches.findV1 },
    { method: "GET", path: "/forensic-search/queryservice/api/v2/saved", access: "query", answer: savedSearches.listV2 },
    { method: "GET", path: "/forensic-search/queryservice/api/v2/saved/:id", access: "query", answer: savedSearches.findV2 },
    { method: "POST", path: "/svc/api/v1/query-alerts", access: "query", answer: alerts.query },
    { method: "POST", path: "/svc/api/v1/query-details", access: "query", answer: alerts.detailsOfTenant },
    { method: "POST", path: "/rpc/search/search-audit-log", access: "query", answer: audit.legacySearch },
  ];
  return routes.map(wrapped);
};

/** Keys of the key-value store for the addresses of the services (py42, `services/_keyvaluestore.py`). */
const SERVICE_KEYS = new Set(["FORENSIC_SEARCH-API_URL", "AlertService-API_URL", "AUDIT-LOG_API-URL"]);

/** The services share the gateway's port. `urls` is read late, because the addresses are known only when both servers listen. */
export const consoleRoutes = ({ tenantId, signIn }: Endpoints, urls: { readonly url: string; readonly consoleUrl: string }): Route[] => {
  const routes: Route[] = [
    { method: "POST", path: "/api/v3/oauth/token", access: "anyone", answer: signIn.oauth },
    { method: "GET", path: "/api/v3/auth/jwt", access: "anyone", answer: signIn.jwt },
    { method: "GET", path: "/api/v3/LoginConfiguration", access: "anyone", answer: signIn.loginConfiguration },
    { method: "GET", path: "/api/v1/User/my", access: "token", answer: signIn.currentUser },
    { method: "GET", path: "/api/v3/customer/my", access: "token", answer: () => json(200, { name: "Simulated tenant", tenantUid: tenantId }) },
    { method: "GET", path: "/api/v1/ServerEnv", access: "anyone", answer: () => json(200, { stsBaseUrl: `${urls.consoleUrl}/sts` }) },
  ];
  return [...routes.map(wrapped), {
    method: "GET", path: "/simple-key-value-store/v1/:id", access: "anyone",
    // Plain text, unlike all other answers.
    answer: ({ id }) => (SERVICE_KEYS.has(id) ? { status: 200, body: urls.url, headers: { "content-type": "text/plain;charset=UTF-8" } } : notFound()),
  }];
};
