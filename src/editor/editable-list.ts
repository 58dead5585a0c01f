/** The rows of a Node-RED editableList in order, without removed rows that are still fading out. */
export const contentsOf = (list: JQuery): JQuery[] =>
  list.children(":not(.red-ui-editableList-item-deleting)").children(".red-ui-editableList-item-content").toArray().map((element) => $(element));
