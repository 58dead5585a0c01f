/** The part of Node-RED's runtime API that our admin routes use: types only. */
import type { Params } from "../common/errors";

/** `RED._` */
export type Translate = (key: string, params?: Params) => string;

export interface DialogHost {
  httpAdmin: Record<"get" | "post", (path: string, ...handlers: never[]) => unknown>;
  auth: { needsPermission(permission: string): unknown };
  nodes: { getNode(id: string): unknown; getCredentials(id: string): unknown; eachNode(visit: (node: never) => unknown): void };
  /** settings.js. */
  settings: { envVarExcludes?: unknown };
  _: Translate;
}
