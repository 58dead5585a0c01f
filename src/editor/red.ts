/** What the dialogs ask of the editor that its types do not know. */
import type { StoreTable } from "../cursor/store-safety";
import type { FlowItem } from "./wires";

interface Editor {
  nodes: { createCompleteNodeSet(options: { credentials: boolean }): FlowItem[] };
  settings: { code42QueryStores?: StoreTable };
}

/** All flows as they stand in the editor, deployed or not, without credentials. */
export const exportedFlow = (editor: unknown): FlowItem[] => (editor as Editor).nodes.createCompleteNodeSet({ credentials: false });

/** What `code42-query` tells of the context stores; undefined where it does not. */
export const storesOf = (editor: unknown): StoreTable | undefined => (editor as Editor).settings.code42QueryStores;
