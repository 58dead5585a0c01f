/**
 * The lines of 20,000 events of each kind, by their SHA-256: a change of how lines are made changes none of them. Sessions
 * are without the fields that were mapped later.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { compileFormatter, type FormatOptions } from "../../../src/cef/encoder";
import { mappings, compatibleMappings } from "../../../src/cef/mappings";
import { makeAlert } from "../../../src/simulator/alerts";
import { makeAuditEntry } from "../../../src/simulator/audit-log";
import { makeSession } from "../../../src/simulator/sessions";
import { makeThreatEvent } from "../../../src/simulator/threat-events";
import { eventWriter } from "../../support/measured-events";

const EVENTS = 20_000;
const START_MS = Date.UTC(2026, 0, 5);

const [writeV1, writeV2] = [eventWriter("v1"), eventWriter("v2")];
const makers: Record<string, (index: number) => unknown> = {
  "code42.file-event.v1": (index) => JSON.parse(writeV1(index)) as unknown,
  "code42.file-event.v2": (index) => JSON.parse(writeV2(index)) as unknown,
  "code42.session": (index) => {
    const session = makeSession(index, { beginMs: START_MS + index * 1000 });
    return { ...session, contentInspectionResults: null, triggeredAlerts: session.triggeredAlerts.map((alert) => ({ ...alert, ruleName: null })) };
  },
  "code42.alert": (index) => makeAlert(index, { createdMs: START_MS + index * 1000 }),
  "code42.audit-event": (index) => makeAuditEntry(index, { timeMs: START_MS + index * 1000 }),
  "epo.threat-event": (index) => makeThreatEvent(index),
};

const OWN: FormatOptions = {
  severity: "7", maxBytes: 900,
  fields: [{ key: "fname", source: "fileOwner" }, { key: "reason", source: "riskSeverity" }, { key: "Code42IncydrTrusted", source: "shared" }, { key: "suser", source: "actor.id" }],
};

/** Recorded with version 0.1.0. */
const recorded: Record<string, string> = {
  "code42.file-event.v2, standard": "dfd133b90e0461b56e7b5d074b06b8089910c7cdf4eec8f833f5371e19ab4eff",
  "code42.file-event.v1, standard": "d67de554c274957152ce5d6b4e877be9fdde801bac0a0e8ca546e569fbeecf3c",
  "code42.session, standard": "bfcc5475b8e22b2a5b89f862651f80aadb2d8c1b46d69ef5f9d0c10aa51a9893",
  "code42.alert, standard": "28ac3ea069494fea275e2c1a6f1623fa5bd0a925e779f152d234e3c08cf2a0ed",
  "code42.audit-event, standard": "b617619f79e501e50f5d0077914969bdb15b6b3e633eb5756743027bea4ac308",
  "epo.threat-event, standard": "be3260ae0e4bc09ea9996e71d1b6f27330d3f760201c7a4d3a8b7e9bf9cefe74",
  "code42.file-event.v2, short, with own rows": "a154b1a94c9253537eadd09a881007e49a1c10037e3f3adcd5a9bc53e8cabc55",
  "code42.file-event.v1, short, with own rows": "d8ac78ceaf54f02052a39676d09a74064c3d9cd7d666e2d6798f53a201d64f45",
  "code42.session, short, with own rows": "7f04e5bdd0f9b428efab7943a8cf62a6ade14b238fc2bd89dc9b9df6611345cc",
  "code42.alert, short, with own rows": "734907e381eddee5ada7042986f56b14fef83cf80922277b23f26a05d940f7b6",
  "code42.audit-event, short, with own rows": "21c3f0c500044af1bb8b811e925dfaaa870658d6359d0072ff4778caa3609daa",
  "epo.threat-event, short, with own rows": "a98edb8ad1eb0e8f206794cbca839817679f462811bde0e22f1e34183ebe4652",
  "code42.file-event.v1, compatible": "d368ae19a56ffe1d672234f28484a4309189d1c218bbf36a048886e9d39e50ed",
};

describe("CEF lines of 20,000 events", function () {
  this.timeout(60_000);
  for (const [profile, tables, options] of [["standard", mappings, {}], ["short, with own rows", mappings, OWN], ["compatible", compatibleMappings, {}]] as const) {
    for (const [kind, mapping] of tables) {
      it(`are what they were: ${kind}, ${profile}`, () => {
        const formatter = compileFormatter(mapping, options);
        const hash = createHash("sha256");
        for (let index = 0; index < EVENTS; index++) hash.update(formatter.format(makers[kind]!(index))).update("\n");
        hash.update(JSON.stringify(formatter.counters));
        assert.equal(hash.digest("hex"), recorded[`${kind}, ${profile}`]);
      });
    }
  }
});
