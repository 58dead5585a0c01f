/** Where the nodes and wires of a flow stand in the editor, and which faults of a layout a reader would see. */
import type { FlowNode } from "./node-red-process";

/** The widest window that a flow may need, in pixels. */
export const MAX_WIDTH = 1300;
/** The longest wire, in pixels from node to node. */
const MAX_WIRE = 400;
/** The editor's grid, the least width of a node, and the height of one with up to two outputs. */
const GRID = 20;
const NODE_WIDTH = 100;
const NODE_HEIGHT = 30;
/** The space below a node where its status stands. */
const STATUS_HEIGHT = 14;
/** Of a character, as wide as with the widest usual font; the editor measures the text. */
const CHARACTER_WIDTH = 8;
/** How far a wire runs straight out of a node before it bends. */
const WIRE_BEND = 75;
const SAMPLES = 40;

interface Box {
  node: FlowNode;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const textOf = (node: FlowNode, property: string) => (typeof node[property] === "string" ? node[property] : "");
const outputsOf = (node: FlowNode): string[][] => (Array.isArray(node["wires"]) ? node["wires"] as string[][] : []);
const titleOf = (node: FlowNode): string => textOf(node, "name") || textOf(node, "label") || textOf(node, "topic") || `${node.type}: all`;

function boxOf(node: FlowNode): Box {
  const width = Math.max(NODE_WIDTH, GRID * Math.ceil((titleOf(node).length * CHARACTER_WIDTH + 57) / GRID));
  const height = Math.max(NODE_HEIGHT, 15 * outputsOf(node).length);
  const [x, y] = [Number(node["x"]), Number(node["y"])];
  return { node, left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 };
}

const bottomWithStatus = ({ node, bottom }: Box): number => (node.type === "comment" ? bottom : bottom + STATUS_HEIGHT);

/** The points of a wire from an output of `from` to the input of `to`, as the editor draws it. */
function wire(from: Box, output: number, to: Box): { x: number; y: number }[] {
  const start = { x: from.right, y: Number(from.node["y"]) + 13 * (output - (outputsOf(from.node).length - 1) / 2) };
  const end = { x: to.left, y: Number(to.node["y"]) };
  const bend = Math.min(WIRE_BEND, 0.75 * Math.hypot(end.x - start.x, end.y - start.y));
  return Array.from({ length: SAMPLES + 1 }, (_, index) => {
    const t = index / SAMPLES;
    const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3];
    return { x: a * start.x + b * (start.x + bend) + c * (end.x - bend) + d * end.x, y: (a + b) * start.y + (c + d) * end.y };
  });
}

/** The faults of the layout of a flow on one tab, one sentence each. */
export function layoutFaults(flow: readonly FlowNode[]): string[] {
  const boxes = flow.filter((node) => node["x"] !== undefined).map(boxOf);
  const faults: string[] = [];
  for (const box of boxes) {
    if (box.left < 0 || box.top < 0) faults.push(`"${titleOf(box.node)}" begins outside the page`);
    if (box.right > MAX_WIDTH) faults.push(`"${titleOf(box.node)}" ends at ${box.right}`);
  }
  boxes.forEach((box, index) => {
    for (const other of boxes.slice(index + 1)) {
      if (box.left < other.right && other.left < box.right && box.top < bottomWithStatus(other) && other.top < bottomWithStatus(box)) {
        faults.push(`"${titleOf(box.node)}" and "${titleOf(other.node)}" overlap`);
      }
    }
  });
  for (const from of boxes) {
    outputsOf(from.node).forEach((targets, output) => {
      for (const to of boxes.filter(({ node }) => targets.includes(node.id))) {
        if (to.left < from.right) faults.push(`the wire from "${titleOf(from.node)}" to "${titleOf(to.node)}" runs back`);
        if (to.left - from.right > MAX_WIRE) faults.push(`the wire from "${titleOf(from.node)}" to "${titleOf(to.node)}" is ${to.left - from.right} long`);
        const points = wire(from, output, to);
        for (const box of boxes) {
          if (box === from || box === to) continue;
          if (points.some(({ x, y }) => x > box.left && x < box.right && y > box.top && y < box.bottom)) {
            faults.push(`the wire from "${titleOf(from.node)}" to "${titleOf(to.node)}" runs through "${titleOf(box.node)}"`);
          }
        }
      }
    });
  }
  return faults;
}
