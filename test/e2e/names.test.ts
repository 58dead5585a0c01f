/** Host names that do not exist: the error names them, and everything continues by itself when they can be resolved. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Journey } from "../support/journey";
import { until } from "../support/until";

const SIEM = "siem.invalid";

describe("unknown host names", function () {
  this.timeout(120_000);

  it("of the SIEM are reported, and no event is missing once they can be resolved", async () => {
    const journey = await Journey.prepare({
      syslog: { host: SIEM },
    });
    const hosts = join(journey.folder, "hosts");
    const services = join(journey.folder, "nsswitch.conf");
    writeFileSync(services, "hosts: files\n");
    writeFileSync(hosts, "127.0.0.1 localhost\n");
    // Node-RED sees these two files instead of the system's, and asks no name server.
    const launcher = ["unshare", "--mount", "sh", "-c", `mount --bind ${hosts} /etc/hosts && mount --bind ${services} /etc/nsswitch.conf && exec "$@"`, "sh"];
    try {
      const nodeRed = await journey.start({ launcher });
      journey.addEvents(300);
      await until(() => nodeRed.log().includes(SIEM), "the log names the SIEM", 20_000);
      await until(() => /^(yellow|red) /.test(journey.status.get("syslog-job") ?? ""), "syslog-out shows it", 20_000);
      assert.equal(journey.siem.received, 0);
      writeFileSync(hosts, `127.0.0.1 localhost ${SIEM}\n`);
      await journey.waitForAll();
      await nodeRed.stop();
      journey.assertDelivered(0);
    } finally {
      await journey.remove();
    }
  });
});
