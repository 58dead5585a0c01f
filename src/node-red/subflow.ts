/** Nodes inside a subflow: each instance runs copies of them with ids of their own. */
import type { Properties } from "../common/properties";
import type { DialogHost } from "./host";

/** True if the deployed node `id` of this type is part of a subflow's template. */
export function isInSubflow({ eachNode }: Pick<DialogHost["nodes"], "eachNode">, type: string, id: string): boolean {
  const subflows = new Set<unknown>();
  let place: unknown;
  eachNode((node: Properties) => {
    if (node["type"] === "subflow") subflows.add(node["id"]);
    if (node["id"] === id && node["type"] === type) place = node["z"];
  });
  return subflows.has(place);
}
