import assert from "node:assert/strict";
import { isHost } from "../../../src/syslog/host";

describe("the host of a syslog server", () => {
  for (const host of ["siem", "siem.example.com", "siem.example.com.", "10.0.0.1", "::1", "[::1]", "2001:db8::514", "fe80::1%eth0", "[fe80::1%eth0]", "::ffff:10.0.0.1", "büro.example.com", "a_b"]) {
    it(`may be ${host}`, () => assert.equal(isHost(host), true));
  }
  for (const host of ["https://siem.example.com", "siem.example.com:514", "10.0.0.1:514", "[::1]:514", "siem.example.com/path", "siem:", "syslog@siem", "siem .example.com", "tcp://10.0.0.1:514", "siem?x", "siem#x", "\\\\siem"]) {
    it(`may not be ${host}, because only the name or address belongs there`, () => assert.equal(isHost(host), false));
  }
});
