/** The button "Test connection" of a fabric: tries each broker by itself, up to a granted subscription. */
import { plain, printable, type Printable } from "../common/border";
import { SiemError } from "../common/errors";
import { textProperty, type Properties } from "../common/properties";
import { FailedStep, type Secrets, type Step } from "../common/dialog-step";
import type { Clock } from "../common/clock";
import { Fabric } from "./fabric";
import { brokerName, type FabricOptions } from "./client-config";
import { fabricError, type FabricErrorCode } from "./fabric-errors";
import { EPO_THREAT_EVENT_TOPIC } from "./topics";

export interface BrokerReport {
  /** `host:port` */
  broker: Printable;
  /** Why the broker cannot be used; undefined if it can. */
  error: SiemError | undefined;
}

const STEPS: Partial<Record<FabricErrorCode, Step>> = {
  HOST_UNKNOWN: "name",
  CONNECTION_REFUSED: "connection", NO_ANSWER: "connection", CONNECTION_FAILED: "connection", BROKER_CLOSED: "connection", BROKER_SILENT: "connection",
  PROXY_URL_INVALID: "proxy",
  BROKER_UNKNOWN_CA: "tls", BROKER_CERTIFICATE_EXPIRED: "tls", TLS_NOT_SPOKEN: "tls", TLS_FAILED: "tls",
  CERTIFICATE_EXPIRED: "signIn", CERTIFICATE_REFUSED: "signIn", BROKER_REFUSED: "signIn",
  WEB_SOCKET_REFUSED: "protocol", PORT_IS_WEB_SOCKETS: "protocol", PORT_IS_MQTT: "protocol",
  SUBSCRIPTION_REFUSED: "permission",
};

/** The step that failed; an error that is not about a connection is about the settings. */
export const fabricStep = (error: unknown): Step => (error instanceof SiemError ? STEPS[error.code as FabricErrorCode] ?? "settings" : "answer");

/** Enough to see what is wrong, without a flood of connections. */
const MOST_BROKERS = 10;
const PATIENCE_MS = 10_000;

/** The credentials that a fabric uses, and the brokers that it sends them to. A file contains all of them except the passphrase. */
export const fabricSecrets = (optionsOf: (settings: Properties, credentials: Properties) => FabricOptions): Secrets => ({
  names: (settings) => [...(textProperty(settings, "configFile", "") === "" ? ["brokerCertChain", "certificate", "privateKey"] : []), "passphrase"],
  addresses: (settings, credentials) => optionsOf(settings, credentials).brokers.map(brokerName),
});

/** Tries the first ten brokers of `options`, all at once. Throws a FailedStep if none can be used, and the errors of the constructor of `Fabric`. */
export async function testFabric(options: FabricOptions, { clock, patienceMs = PATIENCE_MS }: { clock: Clock; patienceMs?: number }): Promise<BrokerReport[]> {
  const reports = await Promise.all(options.brokers.slice(0, MOST_BROKERS).map(async (broker): Promise<BrokerReport> => ({
    broker: printable(brokerName(broker)),
    // A second connection with the same client id would end the deployed one (MQTT 3.1.1 section 3.1.4).
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
      const cancel = clock.after(patienceMs, () => resolve(fabricError("NO_ANSWER", plain.params({ broker: broker === undefined ? "" : brokerName(broker) }))));
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
