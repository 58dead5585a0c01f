import assert from "node:assert/strict";
import { createHeader, type HeaderOptions } from "../../../src/syslog/header";

const make = (options: Partial<HeaderOptions>) =>
  createHeader({ form: "rfc3164", facility: 16, severity: 6, hostname: "", systemHostname: "siem-gate.example.com", appName: "CEF", processId: 77, ...options });
const at = (year: number, month: number, day: number, hour: number, minute: number, second: number, ms = 0) => new Date(year, month - 1, day, hour, minute, second, ms).getTime();
const text = (options: Partial<HeaderOptions>, date: number) => make(options)(date).toString();

describe("syslog header", () => {
  it("writes RFC 3164 in local time with a space-padded day, an English month and the short host name", () => {
    assert.equal(text({}, at(2024, 1, 8, 11, 7, 53)), "<134>Jan  8 11:07:53 siem-gate ");
    assert.equal(text({}, at(2024, 12, 31, 0, 0, 9)), "<134>Dec 31 00:00:09 siem-gate ");
  });

  it("computes the priority from facility and severity", () => {
    assert.ok(text({ facility: 0, severity: 0 }, 0).startsWith("<0>"));
    assert.ok(text({ facility: 23, severity: 7 }, 0).startsWith("<191>"));
    assert.ok(text({ facility: 23, severity: 7, form: "rfc5424" }, 0).startsWith("<191>1 "));
  });

  it("writes RFC 5424 with UTC milliseconds, the full host name and no byte order mark", () => {
    assert.equal(text({ form: "rfc5424" }, Date.UTC(2024, 0, 8, 11, 7, 53, 123)), "<134>1 2024-01-08T11:07:53.123Z siem-gate.example.com CEF 77 CEF - ");
  });

  it("keeps RFC 5424 fields printable and within 255, 48 and 128 characters", () => {
    const fields = text({ form: "rfc5424", hostname: "h ö\tst".repeat(200), appName: "a pp\u2028".repeat(40) }, 0).split(" ");
    assert.match(fields[2] ?? "", /^[\x21-\x7e]{255}$/);
    assert.match(fields[3] ?? "", /^[\x21-\x7e]{48}$/);
    assert.equal(text({ form: "rfc5424", appName: "ööö" }, 0).split(" ")[3], "-");
  });

  it("writes the legacy form without priority and none as nothing", () => {
    assert.equal(text({ form: "legacy" }, at(2024, 5, 6, 7, 8, 9)), "May  6 07:08:09 siem-gate ");
    assert.equal(text({ form: "none" }, 0), "");
  });

  it("takes a configured host name as it is, and an address whole", () => {
    assert.ok(text({ hostname: "gate.example.com" }, 0).endsWith(" gate.example.com "));
    assert.ok(text({ systemHostname: "192.0.2.7" }, 0).endsWith(" 192.0.2.7 "));
  });

  it("makes the header anew only when its time stamp changes", () => {
    const header = make({});
    const second = at(2024, 1, 8, 11, 7, 53);
    assert.equal(header(second), header(second + 999));
    assert.notEqual(header(second + 1000).toString(), header(second).toString());
  });
});
