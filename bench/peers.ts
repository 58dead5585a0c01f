/** The tenant and the SIEM of a bench, in a process of their own so that they do not weigh on what is measured. */
import { setPriority } from "node:os";
import { startSiem } from "../src/simulator/siem";
import { startTenantSimulator } from "../src/simulator/tenant";

async function main(): Promise<void> {
  // In the field they run on other machines: here they must not take the processor from what is measured.
  setPriority(19);
  const events = Number(process.argv[2]);
  const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000 });
  tenant.preload({ count: events, startMs: Date.now() - 48 * 3_600_000 });
  const siem = await startSiem({ parse: false });
  process.send?.({ tenant: { url: tenant.url, clientId: tenant.clientId, clientSecret: tenant.clientSecret }, siemPort: siem.port });
  setInterval(() => process.send?.({ received: siem.received }), 100);
  process.once("disconnect", () => process.exit());
}

main().catch((error: unknown) => {
  process.stderr.write(String(error));
  process.exitCode = 1;
});
