/** "Test connection" of a fabric: every broker by itself, up to a granted subscription. */
import { SiemError } from "../errors";
import { textProperty, type Properties } from "../common/properties";
import { FailedStep, type Secrets, type Step } from "../common/trial";
import type { Clock } from "../syslog/clock";
import { Fabric, urlHost, type BrokerAddress, type FabricOptions } from "./fabric";
import { fabricError, type FabricErrorCode } from "./fabric-errors";
import { EPO_THREAT_EVENT_TOPIC } from "./topics";

export interface BrokerReport {
  /** `host:port` */
  broker: string;
  /** Why it cannot be used; undefined if events may come from it. */
  error: SiemError | undefined;
}

const STEPS: Partial<Record<FabricErrorCode, Step>> = {
  HOST_UNKNOWN: "name",
  CONNECTION_REFUSED: "connection", NO_ANSWER: "connection", CONNECTION_FAILED: "connection", BROKER_CLOSED: "connection", BROKER_SILENT: "connection",
  PROXY_URL_INVALID: "proxy",
  BROKER_UNKNOWN_CA: "tls", BROKER_CERTIFICATE_EXPIRED: "tls", TLS_NOT_SPOKEN: "tls", TLS_FAILED: "tls",
  CERTIFICATE_EXPIRED: "signIn", CERTIFICATE_REFUSED: "signIn", BROKER_REFUSED: "signIn",
  WEB_SOCKET_REFUSED: "protocol",
  SUBSCRIPTION_REFUSED: "permission",
};

/** The step at which a fabric failed; what is not about a connection is about the settings. */
export const fabricStep = (error: unknown): Step => (error instanceof SiemError ? STEPS[error.code as FabricErrorCode] ?? "settings" : "answer");

/** More would be a flood; the first ones tell enough. */
const MOST_BROKERS = 10;
const PATIENCE_MS = 10_000;

const brokerName = ({ host, port }: BrokerAddress): string => `${urlHost(host)}:${port}`;

/** Which credentials a fabric uses, and the brokers that it sends them to. With a file, all but the passphrase stand there. */
export const fabricSecrets = (optionsOf: (settings: Properties, credentials: Properties) => FabricOptions): Secrets => ({
  names: (settings) => [...(textProperty(settings, "configFile", "") === "" ? ["brokerCertChain", "certificate", "privateKey"] : []), "passphrase"],
  addresses: (settings, credentials) => optionsOf(settings, credentials).brokers.map(brokerName),
});

/**
 * Tries the first brokers of `options`, all at once. Throws a FailedStep when none can be used, and what the
 * constructor of `Fabric` throws.
 */
export async function testFabric(options: FabricOptions, { clock, patienceMs = PATIENCE_MS }: { clock: Clock; patienceMs?: number }): Promise<BrokerReport[]> {
  const reports = await Promise.all(options.brokers.slice(0, MOST_BROKERS).map(async (broker): Promise<BrokerReport> => ({
    broker: brokerName(broker),
    // A second connection with the id of the deployed one would end that one (MQTT 3.1.1 section 3.1.4).
    error: await tryBroker({ ...options, brokers: [broker], clientId: undefined }, clock, patienceMs),
  })));
  const [first] = reports;
  if (first?.error !== undefined && reports.every(({ error }) => error !== undefined)) throw new FailedStep(fabricStep(first.error), first.error);
  return reports;
}

async function tryBroker(options: FabricOptions, clock: Clock, patienceMs: number): Promise<SiemError | undefined> {
  const fabric = new Fabric(options, { clock, random: Math.random, log: () => undefined, outage: () => undefined, patience: patienceMs });
  try {
    return await new Promise<SiemError | undefined>((resolve) => {
      const [broker] = options.brokers;
      const cancel = clock.after(patienceMs, () => resolve(fabricError("NO_ANSWER", { broker: broker === undefined ? "" : brokerName(broker) })));
      const done = (error: SiemError | undefined) => {
        cancel();
        resolve(error);
      };
      fabric.subscribe(EPO_THREAT_EVENT_TOPIC, {
        message: () => undefined,
        state: ({ phase, error }) => {
          if (phase === "connected" || phase === "waiting") done(error);
        },
      });
    });
  } finally {
    await fabric.close();
  }
}
