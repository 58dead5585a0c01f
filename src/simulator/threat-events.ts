/**
 * Makes realistic ePO threat events: the same seed and index always give the same event. The keys are those of the
 * "McAfee Common Event" that the ePO automatic response "Send DXL Event" publishes.
 */

interface Threat {
  id: number;
  category: string;
  eventDesc: string;
  threatName: string;
  threatType: string;
  threatSeverity: number;
  severityText: string;
  action: string;
  module: string;
  method: string;
}

const THREATS: readonly [Threat, ...Threat[]] = [
  { id: 18052, category: "Host intrusion buffer overflow", eventDesc: "Buffer Overflow detected and blocked (GBOP)", threatName: "ExP:Heap", threatType: "Exploit Prevention", threatSeverity: 2, severityText: "Critical", action: "blocked", module: "ENDP_AM_1020", method: "Exploit Prevention" },
  { id: 1027, category: "Malware detected", eventDesc: "Infected file deleted", threatName: "Ransomware-FUO!037A9DEDF00D", threatType: "trojan", threatSeverity: 2, severityText: "Critical", action: "IDS_ALERT_ACT_TAK_DEL", module: "ENDP_AM_1020", method: "On-Access Scan" },
  { id: 1024, category: "Malware detected", eventDesc: "Infected file found", threatName: "EICAR test file", threatType: "test", threatSeverity: 5, severityText: "Notice", action: "none", module: "ENDP_AM_1020", method: "On-Demand Scan" },
  { id: 1095, category: "'File' class or access", eventDesc: "Access Protection rule violation detected and NOT blocked", threatName: "Running files from the Temp folder | common", threatType: "IDS_THREAT_TYPE_VALUE_AP", threatSeverity: 6, severityText: "Info", action: "would block", module: "ENDP_AM_1020", method: "OAS" },
  { id: 35104, category: "Firewall", eventDesc: "Adaptive Threat Protection: contained", threatName: "rule=217; dac.A!1", threatType: "Adaptive Threat Protection", threatSeverity: 3, severityText: "Alert", action: "contained", module: "ENDP_ATP_1020", method: "Dynamic Application Containment" },
];
const PEOPLE = ["dana", "lee.wong", "zoë.müller", "kenji", "svc=backup", "Administrator"] as const;
const FILES = ["C:\\DAC\\IEXPLORE.EXE", "C:\\Users\\Public\\Downloads\\invoice|2026.pdf.exe", "D:\\Größen\\setup=1.msi", "C:\\Windows\\Temp\\見積書.scr"] as const;
const SYSTEMS = ["Windows 11", "Windows 10", "Windows Server 2022"] as const;

const FIRST_MS = Date.UTC(2026, 0, 5, 8);
const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
const hex = (value: number, digits: number) => (value >>> 0).toString(16).padStart(digits, "0").slice(-digits);

/** The agent GUID of event `index`, in upper case as ePO writes it. It ends with the index, so that a test can identify the event. */
export const agentGuid = (index: number, seed = 1) => `A0072${hex(seed, 3)}-3187-46C1-97D2-${hex(index, 12)}`.toUpperCase();

/** The index in a GUID of agentGuid(); undefined for any other GUID. */
export function indexOfAgent(guid: string, seed = 1): number | undefined {
  const index = parseInt(guid.slice(-12), 16);
  return agentGuid(index, seed) === guid ? index : undefined;
}

/** The payload of the DXL message for event `index`. `detectedMs` is the time of the event, epoch ms. */
export function makeThreatEvent(index: number, seed = 1, detectedMs = FIRST_MS + index * 1000): Record<string, unknown> {
  const threat = at(THREATS, index + seed);
  const host = `WS-${String(100 + (index * 37 + seed) % 900)}`;
  const ipv4 = `10.${seed % 200}.${(index >> 8) % 256}.${index % 256}`;
  const ipv6 = `0:0:0:0:0:FFFF:${ipv4.split(".").map((part) => hex(Number(part), 2).toUpperCase()).join("").replace(/^(....)/, "$1:")}`;
  const mac = `00505${hex(index * 2654435761, 7)}`;
  const file = at(FILES, index * 3 + seed);
  const name = file.slice(file.lastIndexOf("\\") + 1);
  const user = `CORP\\${at(PEOPLE, index * 5 + seed)}`;
  const when = new Date(detectedMs);
  return {
    eventMessageType: "McAfee Common Event",
    eventMessageVersion: "1.0",
    event: {
      category: threat.category,
      eventDesc: threat.eventDesc,
      id: threat.id,
      threatActionTaken: threat.action,
      threatHandled: threat.action === "none" ? 0 : 1,
      threatName: threat.threatName,
      threatSeverity: threat.threatSeverity,
      threatType: threat.threatType,
      uri: null,
      analyzer: {
        contentVersion: "5200.0", detectedUTC: when.toISOString(), detectionMethod: threat.method, engineVersion: "6700.10107", hostName: host,
        id: threat.module, ipv4, ipv6, mac, name: "Trellix Endpoint Security", version: "10.7.0",
      },
      entity: {
        groupName: null, id: agentGuid(index, seed), osPlatform: "Workstation", osType: at(SYSTEMS, index), ruleName: null, sessionId: null, type: "device",
        _nodeTextPath: "GlobalRoot\\Directory\\EMEA",
      },
      files: [],
      otherData: {
        count: "1", definedAt: "My Organization", responseEventType: "Threat", responseRuleName: "Send Threat Event via DXL",
        threatSeverityString: threat.severityText, sc_evtFileMd5: "{sc_evtFileMd5}", listOfTargetUserName: `${user}, ${user}`,
      },
      source: { hostName: host, ipv4, ipv6, mac, port: null, processName: "C:\\Windows\\explorer.exe", url: "", userName: "" },
      target: { fileName: file, hostName: host, ipv4, ipv6, mac: "", port: 0, processName: name, protocol: "", userName: user },
      _receivedUTC: new Date(detectedMs + 90_000).toISOString(),
    },
  };
}
