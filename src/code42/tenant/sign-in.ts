/** How a tenant signs in, by kind of account and of address: a table, because the ways differ in data only. */

export type AuthType = "api-client" | "user";

/** The API gateway of a region, or a console with the services that existed before the gateways. */
export type AddressKind = "gateway" | "console";

export interface SignIn {
  method: "GET" | "POST";
  path: string;
  /** Properties of the reply that may hold the token; the first that exists counts. */
  tokenFields: readonly string[];
  /** How long a token is valid if the reply does not say, seconds. */
  lifeS: number;
}

/** Vendor's support site, "API authentication methods": 15 minutes for API clients, 30 for users. */
const LIFE_S = { client: 900, user: 1800 };

export const SIGN_INS: Record<AuthType, Record<AddressKind, SignIn>> = {
  // Client credentials grant: RFC 6749 section 4.4; developer portal, "Get started"; py42 `services/_auth.py`.
  "api-client": {
    gateway: { method: "POST", path: "/v1/oauth?grant_type=client_credentials", tokenFields: ["access_token"], lifeS: LIFE_S.client },
    console: { method: "POST", path: "/api/v3/oauth/token?grant_type=client_credentials", tokenFields: ["access_token"], lifeS: LIFE_S.client },
  },
  // Basic with the user's password: developer portal, "Get started" (deprecated there); py42 `services/_auth.py`.
  "user": {
    // The portal does not document the reply.
    gateway: { method: "GET", path: "/v1/auth", tokenFields: ["bearerToken", "v3_user_token", "access_token"], lifeS: LIFE_S.user },
    console: { method: "GET", path: "/api/v3/auth/jwt?useBody=true", tokenFields: ["v3_user_token"], lifeS: LIFE_S.user },
  },
};

/** Where a console tells anybody how a user signs in (`loginType`; py42 `clients/loginconfig.py`). */
export const loginConfigurationPath = (username: string): string => `/api/v3/LoginConfiguration?username=${encodeURIComponent(username)}`;
