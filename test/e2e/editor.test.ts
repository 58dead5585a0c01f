import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json";
import { modulesWithDashboard } from "../support/dashboard";
import { visitEditor } from "../support/editor";
import { examples } from "../support/examples";
import { startNodeRed, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

const types = Object.keys(manifest["node-red"].nodes);

describe("the editor with this package", () => {
  const userDir = mkdtempSync(join(tmpdir(), "siem-editor-"));
  let nodeRed: NodeRedProcess;

  before(async function () {
    this.timeout(120_000);
    // The variables of the examples, as their comments ask for.
    const env = Object.fromEntries([...JSON.stringify(flows).matchAll(/\$\{([A-Z0-9_]+)\}/g)].map(([, name]) => [String(name), "set"]));
    nodeRed = await startNodeRed({ userDir, env, modules: modulesWithDashboard(userDir, join(packedPackage().modules, manifest.name)), dashboard: true });
  });

  after(async () => {
    await nodeRed.stop();
    rmSync(userDir, { recursive: true, force: true });
  });

  const dialogs: Record<string, Record<string, string>> = {};
  const flows = examples().map(({ flow }) => flow);
  it("opens every dialog without an error and finds every example valid, in English and in German", async () => {
    await Promise.all(["en-US", "de"].map(async (language) => {
      const report = await visitEditor({ url: nodeRed.url, language, types, flows });
      assert.deepEqual(report.problems, [], language);
      dialogs[language] = report.dialogs;
    }));
  });

  it("marks a node, with its config node, as long as neither Node-RED nor its flow sets an environment variable", async () => {
    const place = (id: string, host: string) => ({ id, type: "syslog-out", z: "marks", name: "", host, port: "514", transport: "tcp", x: 200, y: 100, wires: [[], []] });
    const flow = [
      { id: "marks", type: "tab", label: "marks", env: [{ name: "SET_IN_FLOW", value: "siem", type: "str" }] },
      place("marked", "${NOT_SET}"), place("inFlow", "${SET_IN_FLOW}"), place("inProcess", "${SIEM_HOST}"),
      { id: "source", type: "dxl-threat-event", z: "marks", name: "", fabric: "fabric", topics: ["/topic"], x: 200, y: 200, wires: [[]] },
      { id: "fabric", type: "dxl-fabric", name: "", configFile: "${ALSO_NOT_SET}", brokers: "", keepAlive: "30" },
    ];
    for (const [language, words, ofConfigNode] of [
      ["en-US", "The environment variable NAME is not set", "Fabric: invalid configuration node"],
      ["de", "Die Umgebungsvariable NAME ist nicht gesetzt", "Fabric: ungültige Konfigurations-Node"],
    ] as const) {
      const { problems } = await visitEditor({ url: nodeRed.url, language, types: [], flows: [flow] });
      assert.deepEqual(problems.filter((problem) => /variable|valid: .*fabric/i.test(problem)), [
        `syslog-out marked is not valid: ${words.replace("NAME", "NOT_SET")}`,
        `dxl-threat-event source is not valid: ${ofConfigNode}`,
        `dxl-fabric fabric is not valid: ${words.replace("NAME", "ALSO_NOT_SET")}`,
      ]);
    }
  });

  it("shows German texts to a German browser", () => {
    for (const type of types) {
      assert.ok((dialogs["de"]?.[type] ?? "").length > 20, `the dialog of ${type} is empty`);
      assert.notEqual(dialogs["de"]?.[type], dialogs["en-US"]?.[type], `the dialog of ${type} is not translated`);
    }
  });
});
