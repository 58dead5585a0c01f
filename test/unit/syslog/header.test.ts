import assert from "node:assert/strict";
import { ownAddresses } from "../../../src/common/own-addresses";
import { createHeader, type HeaderOptions } from "../../../src/syslog/header";
import { readSettings } from "../../../src/syslog/settings";

const make = (options: Partial<HeaderOptions>) => createHeader({
  form: "rfc3164", facility: 16, severity: 6, timeZone: "local", hostname: "", systemHostname: "siem-gate.example.com", systemAddresses: ["192.0.2.7", "2001:db8::7"],
  appName: "CEF", processId: 77, ...options,
});
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

  it("writes the address of a machine whose name the form cannot hold", () => {
    const host = (form: "rfc3164" | "legacy" | "rfc5424", systemHostname: string, systemAddresses = ["192.0.2.7", "2001:db8::7"]) =>
      text({ form, systemHostname, systemAddresses }, at(2024, 12, 31, 0, 0, 9)).replace(/^.*(\d\d:\d\d:\d\d|Z) /, "").split(" ")[0];
    for (const form of ["rfc3164", "legacy"] as const) {
      for (const name of ["東京", "東京.example.com", "Büro-PC", "siem@dc", "a/b", "-", "gate-", "gate_", ".example.com", "", "2001:db8::1", "a b", "gate\n", "x".repeat(256)]) {
        assert.equal(host(form, name), "192.0.2.7", `${form} ${name}`);
      }
      for (const name of ["gate", "GATE_1-x", "_gate", "7", "192.0.2.9", "x".repeat(255)]) assert.equal(host(form, name), name, `${form} ${name}`);
      assert.equal(host(form, "東京", ["2001:db8::7", "127.0.0.1"]), "127.0.0.1", "an IPv6 address does not fit");
    }
    for (const name of ["東京", "Büro-PC", "a b", "", "x".repeat(256)]) assert.equal(host("rfc5424", name), "192.0.2.7", name);
    assert.equal(host("rfc5424", "東京", ["2001:db8::7"]), "2001:db8::7");
    for (const name of ["siem@dc", "a/b", "2001:db8::1", "gate-", "x".repeat(255)]) assert.equal(host("rfc5424", name), name);
  });

  it("knows an address of this machine that every form can hold", () => {
    const addresses = ownAddresses();
    assert.equal(addresses.filter((address) => address.includes(".")).at(-1), "127.0.0.1");
    assert.doesNotMatch(addresses[0] ?? "", /:/);
  });

  it("refuses an own name that the chosen form cannot hold, and ignores one that is not used", () => {
    const code = (properties: object) => {
      try {
        readSettings({ host: "siem", ...properties });
        return undefined;
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    for (const hostname of ["東京", "Büro-PC", "siem@dc", "a/b", "2001:db8::1", "[::1]", "-", "gate-", "a b", "x".repeat(256)]) {
      for (const header of ["", "rfc3164", "legacy"]) assert.equal(code({ header, hostname }), "HOST_NAME", `${header} ${hostname}`);
      assert.equal(code({ header: "none", hostname }), undefined);
    }
    for (const hostname of ["東京", "a b", "x".repeat(256)]) assert.equal(code({ header: "rfc5424", hostname }), "HOST_NAME_PRINTABLE", hostname);
    for (const hostname of ["siem@dc", "a/b", "2001:db8::1", "gate-", ""]) assert.equal(code({ header: "rfc5424", hostname }), undefined, hostname);
    for (const appName of ["ö", "a b", "x".repeat(49)]) {
      assert.equal(code({ header: "rfc5424", appName }), "APP_NAME", appName);
      assert.equal(code({ header: "rfc3164", appName }), undefined, appName);
    }
    for (const hostname of ["gate.example.com", " gate_1 ", "192.0.2.7", ""]) assert.equal(code({ hostname }), undefined, hostname);
  });

  it("writes the time in UTC when told to, whatever the zone of the machine", () => {
    const zone = process.env["TZ"];
    try {
      for (const [name, local] of [["America/Denver", "Jul  1 19:30:59"], ["Asia/Kolkata", "Jul  2 07:00:59"], ["UTC", "Jul  2 01:30:59"]] as const) {
        process.env["TZ"] = name;
        const date = Date.UTC(2026, 6, 2, 1, 30, 59);
        for (const form of ["rfc3164", "legacy"] as const) {
          assert.ok(text({ form }, date).includes(`${local} `), `${name} ${text({ form }, date)}`);
          assert.ok(text({ form, timeZone: "UTC" }, date).includes("Jul  2 01:30:59 "));
        }
        assert.ok(text({ form: "rfc5424" }, date).includes(" 2026-07-02T01:30:59.000Z "));
      }
      process.env["TZ"] = "America/Denver";
      assert.ok(text({}, Date.UTC(2026, 0, 2, 1, 30)).includes("Jan  1 18:30:00 "), "in winter");
    } finally {
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
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
