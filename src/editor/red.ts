/** What the dialogs need from the editor and its types lack. */
import type { StoreTable } from "../cursor/store-safety";
import type { FlowItem } from "./wires";

interface Editor {
  nodes: { createCompleteNodeSet(options: { credentials: boolean }): FlowItem[] };
  settings: { code42QueryStores?: StoreTable };
}

/** All flows in the editor, deployed or not, without credentials. */
export const exportedFlow = (editor: unknown): FlowItem[] => (editor as Editor).nodes.createCompleteNodeSet({ credentials: false });

/** The context stores, from the settings that `code42-query` gives to the editor; undefined if the server does not send them. */
export const storesOf = (editor: unknown): StoreTable | undefined => (editor as Editor).settings.code42QueryStores;
