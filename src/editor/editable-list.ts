/** The rows of a Node-RED editableList in their order; one that fades away has been removed. */
export const contentsOf = (list: JQuery): JQuery[] =>
  list.children(":not(.red-ui-editableList-item-deleting)").children(".red-ui-editableList-item-content").toArray().map((element) => $(element));
