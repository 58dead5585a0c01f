/**
 * The flow that a user would build without this package, from core nodes and axios: it fetches and parses a page, sends a
 * message for each event, writes the line in a function node and sends it with a TCP node. It leaves out cursor, retries,
 * confirmation, most escapes and checks, which makes it faster.
 */
import type { FlowNode } from "../test/support/node-red-process";
import { peerPath } from "./rounds";

/** Column → key, type of the value, and the label of a custom key. */
const COLUMNS: Record<string, [key: string, type: "text" | "time" | "list" | "users", label?: string]> = {
  eventId: ["externalId", "text"],
  eventTimestamp: ["end", "time"],
  insertionTimestamp: ["rt", "time"],
  filePath: ["filePath", "text"],
  fileName: ["fname", "text"],
  fileCategory: ["fileType", "text"],
  fileSize: ["fsize", "text"],
  md5Checksum: ["fileHash", "text"],
  createTimestamp: ["fileCreateTime", "time"],
  modifyTimestamp: ["fileModificationTime", "time"],
  deviceUserName: ["suser", "text"],
  osHostName: ["shost", "text"],
  domainName: ["dvchost", "text"],
  publicIpAddress: ["src", "text"],
  deviceUid: ["deviceExternalId", "text"],
  userUid: ["suid", "text"],
  source: ["sourceServiceName", "text"],
  url: ["request", "text"],
  sharedWith: ["duser", "users"],
  cloudDriveId: ["aid", "text"],
  exposure: ["reason", "list"],
  processOwner: ["spriv", "text"],
  processName: ["sproc", "text"],
  removableMediaVendor: ["cs2", "text", "Code42AEDRemovableMediaVendor"],
  removableMediaName: ["cs3", "text", "Code42AEDRemovableMediaName"],
  removableMediaSerialNumber: ["cs4", "text", "Code42AEDRemovableMediaSerialNumber"],
  removableMediaCapacity: ["cn1", "text", "Code42AEDRemovableMediaCapacity"],
  removableMediaBusType: ["cs1", "text", "Code42AEDRemovableMediaBusType"],
  syncDestination: ["destinationServiceName", "text"],
  emailRecipients: ["duser", "list"],
};

/** `escape` and `toCef`, as a user would write them in a function node. */
const FORMAT_CODE = `
const columns = ${JSON.stringify(COLUMNS)};
const escape = (text) => text.replace(/[\\\\=\\n\\r]/g, (char) => (char === "\\n" ? "\\\\n" : char === "\\r" ? "\\\\r" : "\\\\" + char));
function toCef(event) {
  const fields = [];
  for (const column of Object.keys(columns)) {
    const value = event[column];
    if (value == null || value === "" || value.length === 0) continue;
    const [key, type, label] = columns[column];
    let text;
    if (type === "time") text = String(new Date(value).getTime());
    else if (type === "list") text = escape(value.join(","));
    else if (type === "users") text = escape(value.map((item) => item.cloudUsername).join(","));
    else text = escape(String(value));
    fields.push(key + "=" + text);
    if (label) fields.push(key + "Label=" + label);
  }
  return "CEF:0|Code42|Incydr|1|" + event.eventType + "|" + event.eventType + "|" + (event.riskScore ?? 5) + "|" + fields.join(" ");
}
`;

const fetchCode = (url: string, path: string, pageSize: number) => `
const axios = global.get("axios");
let token = "";
do {
  const { data } = await axios.post(${JSON.stringify(url + path)}, { srtKey: "insertionTimestamp", srtDir: "asc", pgSize: ${pageSize}, pgToken: token });
  for (const event of data.fileEvents) node.send({ payload: event }, false);
  token = data.nextPgToken;
} while (token);
`;

/** Settings that give function nodes axios. */
export const naiveSettings = (): string => `module.exports.functionGlobalContext = { axios: require(${JSON.stringify(peerPath("axios"))}) };`;

/** A message to the node `fetch` starts it. */
export function naiveFlow(options: { url: string; path: string; pageSize: number; siemPort: number }): FlowNode[] {
  const func = (id: string, code: string, to: string): FlowNode => ({
    id, type: "function", z: "tab", name: id, func: code, outputs: 1, timeout: 0, noerr: 0, initialize: "", finalize: "", libs: [], x: 200, y: 60, wires: [[to]],
  });
  return [
    func("fetch", fetchCode(options.url, options.path, options.pageSize), "format"),
    func("format", `${FORMAT_CODE}\nmsg.payload = toCef(msg.payload) + "\\n";\nreturn msg;`, "send"),
    {
      id: "send", type: "tcp out", z: "tab", name: "", host: "127.0.0.1", port: String(options.siemPort), beserver: "client", base64: false, end: false, tls: "", x: 600, y: 60, wires: [],
    },
  ];
}
