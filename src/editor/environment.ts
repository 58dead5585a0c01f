/**
 * Marks nodes that name an environment variable which is not set. The editor takes `${NAME}` for valid without asking a
 * property's validator, so each type has a property without a value or a field, whose validator looks at all others.
 */
import { variablesIn } from "../common/environment";
import { request } from "./try-it";

interface EditorNode {
  id: string;
  type: string;
  /** Its tab or subflow. */
  z?: string;
  /** Its group. */
  g?: string;
  /** The definition of its type. */
  _def?: { defaults: object };
  [property: string]: unknown;
}
interface Place {
  g?: string;
  env?: { name: string }[];
}

/** The part of the editor's API that is used here. */
interface Editor {
  _(key: string, params?: object): string;
  nodes: {
    eachNode(visit: (node: EditorNode) => void): void;
    eachConfig(visit: (node: EditorNode) => void): void;
    group(id: string): Place | null | undefined;
    workspace(id: string): Place | null | undefined;
    subflow(id: string): Place | null | undefined;
  };
  editor: { validateNode(node: EditorNode): void };
  events: { on(event: string, handle: () => void): void };
  user: { hasPermission(permission: string): boolean };
  view: { redraw(): void };
}

const ROUTE = "security-events/environment";
const CHANGES = ["flows:change", "groups:change", "deploy"];

/** What the server said of each variable: true if it is set. */
const answers = new Map<string, boolean>();
const types = new Set<string>();
let timer: number | undefined;
let isListening = false;

/** The default `environment` of a node type. No node has a value for it, so it is in no flow. */
export function variablesDefault(RED: unknown, type: string) {
  const editor = RED as Editor;
  types.add(type);
  const validate = function (this: EditorNode, _value: unknown, _options: unknown) {
    const unset = variablesOf(this).filter((name) => {
      if (!answers.has(name)) later(editor);
      return answers.get(name) === false && !isSetInFlow(editor, this, name);
    });
    return unset.length === 0 || [...new Set(unset)].map((variable) => editor._(`@security-events/node-red-siem/${type}:common.notSet`, { variable }));
  };
  return { environment: { value: undefined, validate } };
}

const variablesOf = (node: EditorNode): string[] => Object.keys(node._def?.defaults ?? {}).flatMap((property) => variablesIn(node[property]));

/** True if a group or the flow of `node` sets the variable, also without a deploy. Whoever uses a subflow may set it, so nothing is unset there. */
function isSetInFlow({ nodes }: Editor, { g, z = "" }: EditorNode, name: string): boolean {
  if (nodes.subflow(z) != null) return true;
  const groups: Place[] = [];
  for (let group = nodes.group(g ?? ""); group != null; group = nodes.group(group.g ?? "")) groups.push(group);
  return [...groups, nodes.workspace(z)].some((place) => place?.env?.some((entry) => entry.name === name));
}

/** Soon asks the server for the variables that it was not asked for or that were not set, and validates our nodes again. */
function later(editor: Editor): void {
  if (!isListening) for (const change of CHANGES) editor.events.on(change, () => later(editor));
  isListening = true;
  clearTimeout(timer);
  timer = window.setTimeout(() => void ask(editor), 100);
}

async function ask(editor: Editor): Promise<void> {
  const nodes: EditorNode[] = [];
  const add = (node: EditorNode) => {
    if (types.has(node.type)) nodes.push(node);
  };
  // Config nodes first, because a node is not valid with a config node that is not.
  editor.nodes.eachConfig(add);
  editor.nodes.eachNode(add);
  const names = [...new Set(nodes.flatMap(variablesOf))].filter((name) => answers.get(name) !== true);
  if (names.length > 0) {
    const mayAsk = editor.user.hasPermission("security-events.write");
    const answer: { unset?: string[] } = mayAsk ? await request(ROUTE, "POST", { names }).catch(() => ({})) : {};
    // Without an answer nothing is marked.
    for (const name of names) answers.set(name, answer.unset?.includes(name) !== true);
  }
  for (const node of nodes) editor.editor.validateNode(node);
  editor.view.redraw();
}
