/** ePO's automatic response "Send DXL Event" publishes here, unless the administrator chose another topic. */
export const EPO_THREAT_EVENT_TOPIC = "/mcafee/event/epo/threat/response";

/** Topics to choose from, and the keys of their names under `topic` in the catalog of `dxl-threat-event`. */
export const KNOWN_TOPICS: readonly { topic: string; label: string }[] = [
  { topic: EPO_THREAT_EVENT_TOPIC, label: "epoThreat" },
  { topic: "/mcafee/event/tie/file/detection", label: "tieFileDetection" },
  { topic: "/mcafee/event/tie/file/firstinstance", label: "tieFirstInstance" },
  { topic: "/mcafee/event/tie/file/repchange/broadcast", label: "tieFileReputation" },
  { topic: "/mcafee/event/tie/cert/repchange/broadcast", label: "tieCertificateReputation" },
  { topic: "/mcafee/event/atd/file/report", label: "atdFileReport" },
];

/** Threat Intelligence Exchange, whose events have hashes in Base64. */
export const TIE_TOPICS = "/mcafee/event/tie/";
