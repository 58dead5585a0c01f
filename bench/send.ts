/**
 * Sends formatted pages to a SIEM over TCP and UDP: ours, syslog-client, winston-syslog. Over TCP the time ends when the SIEM
 * has the last line, over UDP when the last datagram was handed over. `npm run bench -- send [--rounds N] [--events N]`
 */
import { helper, message } from "./helpers";
import type { SinkReady, SinkReport } from "./line-sink";
import { parseOptions, type Row } from "./report";
import { compare, peerPath, perSecond } from "./rounds";
import type { Contestant, Send, SenderReport } from "./sender";

export async function send(options: string[]): Promise<Row[]> {
  const { rounds, numbers } = parseOptions(options, { rounds: 5, events: 100_000 }, []);
  const count = numbers["events"] as number;
  // Installs the peers now, or all processes would do so at once.
  peerPath("winston-syslog");
  const sink = helper("line-sink.ts", String(count));
  let expected = 0;
  let arrived: () => void = () => undefined;
  sink.on("message", (report: SinkReport | SinkReady) => {
    if ("lines" in report && report.lines >= expected) arrived();
  });
  const { port, udpPort } = await message<SinkReady>(sink, "port");

  const children = [sink];
  const contestant = async (name: Contestant): Promise<() => Promise<void>> => {
    const isUdp = name.endsWith("Udp");
    const child = helper("sender.ts", name, String(isUdp ? udpPort : port), String(count));
    children.push(child);
    await message<Extract<SenderReport, { ready: true }>>(child, "ready");
    return async () => {
      if (!isUdp) expected += count;
      const all = isUdp ? undefined : new Promise<void>((resolve) => { arrived = resolve; });
      const sent = message<Extract<SenderReport, { sent: true }>>(child, "sent");
      child.send({ send: true } satisfies Send);
      await Promise.all([sent, all]);
    };
  };
  try {
    const rates = await compare({
      ours: await contestant("ours"),
      client: await contestant("client"),
      winston: await contestant("winston"),
      oursUdp: await contestant("oursUdp"),
      clientUdp: await contestant("clientUdp"),
    }, { items: count, rounds, leastMs: 500, clock: () => performance.now() });
    const rate = (name: Contestant) => rates[name] as number;
    const row = (what: string, name: Contestant, against: Contestant, atLeast?: number): Row =>
      ({ what, figure: perSecond(rate(name)), peer: perSecond(rate(against)), ratio: rate(name) / rate(against), ...(atLeast === undefined ? {} : { atLeast }) });
    return [
      row("send formatted pages, TCP, against syslog-client", "ours", "client", 8),
      row("send formatted pages, TCP, against winston-syslog", "ours", "winston", 16),
      row("send formatted pages, UDP, against syslog-client", "oursUdp", "clientUdp", 1.4),
    ];
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
  }
}
