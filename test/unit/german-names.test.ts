import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/built";

/** The German word for each thing, the words that must not replace it, and the files in which; without it, in all. */
const OTHER_WORDS: readonly (readonly [name: string, others: RegExp, files?: RegExp])[] = [
  // `Warnung` is a warning of a node, not an alert of Code42.
  ["Alarm", /Warnungen|(?<!(?:Wenn diese|mit einer|kommt eine) )Warnung\b|(?<!-)\bAlerts?\b(?!:)/],
  ["Audit-Log", /Prüfprotokoll|Audit-?protokoll|Auditlog|Audit Log\b(?!:)/i],
  // These three as in Node-RED's own German catalog.
  ["Node", /Knoten/i],
  ["Tab", /Reiter\b/, /\.json/],
  ["Übernahme (deploy)", /Deploy\b/, /\.json/],
  ["Header", /Syslog-Kopf|CEF-Kopf/],
  ["Queue", /Warteschlange/i],
  ["Meldung", /Längsten? Nachricht/i],
];

/** The readable text of a catalog or a help file, without keys, tags and code. */
const visible = (file: string, text: string) =>
  (file.includes(".json") ? text.replace(/"[^"\n]*":/g, "") : text.replace(/<code>.*?<\/code>/g, "").replace(/<[^<>]*>/g, ""));

describe("the German texts", () => {
  const folders = [join(root, "nodes/locales/de"), join(root, "scripts/new-node")];
  const files = folders.flatMap((folder) => readdirSync(folder).filter((name) => /^(de\.|[^.]+\.(json|html)$)/.test(name)).map((name) => join(folder, name)));

  for (const [name, others, where = /./] of OTHER_WORDS) {
    it(`say ${name} and use no other word for it`, () => {
      assert.ok(files.length >= 17, files.join());
      const found = files.filter((file) => where.test(file)).flatMap((file) => visible(file, readFileSync(file, "utf8")).split("\n").filter((line) => others.test(line)).map((line) => `${file}: ${line.trim()}`));
      assert.deepEqual(found, []);
    });
  }

  it("are searched for the other words also inside sentences", () => {
    const wrong = ["3 Warnungen", "einmal je Warnung, die", "Prüfprotokoll", "das Auditprotokoll", "Kein Knoten hinter", "mehrere Abfrageknoten", "auf einen Reiter", "ohne Deploy", "die Warteschlange", "der längsten Nachricht"];
    for (const text of wrong) assert.ok(OTHER_WORDS.some(([, others]) => others.test(text)), text);
    const right = ["Wenn diese Warnung wiederkehrt", "Node-RED", "Node.js", "der complete-Node", "ohne Übernahme (deploy)", "mit einer Warnung abgeschnitten"];
    for (const text of right) assert.ok(!OTHER_WORDS.some(([, others]) => others.test(text)), text);
  });
});
