/**
 * The folder of a provisioned client as `dxlclient provisionconfig` makes it, so that the OpenDXL clients for Python, Java and
 * JavaScript read it too ("Client Configuration File" of the OpenDXL Python client documentation).
 */
import { lstat, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { plain } from "../common/border";
import { SiemError } from "../common/errors";
import { fabricError } from "./fabric-errors";
import type { Provisioned, Unconfirmed } from "./provisioning";

/**
 * Makes the folder `path` (mode 0700) with the files (0600) of what `ask` resolves with. The folder must not exist yet, or be
 * empty: nothing is overwritten, and no symbolic link is followed in its place. It appears complete or not at all. Throws
 * PROVISION_FOLDER_EXISTS before `ask` is called, PROVISION_FOLDER_FAILED, and what `ask` throws.
 */
export async function provisionFolder(path: string, ask: () => Promise<Provisioned | Unconfirmed>): Promise<{ folder: string } | Unconfirmed> {
  const draft = await onDisk(path, async () => {
    if (!await isFree(path)) throw fabricError("PROVISION_FOLDER_EXISTS", plain.params({ folder: path }), { permanent: true });
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Node.js makes it with mode 0700 and a name that nobody can foresee.
    return mkdtemp(join(dirname(path), `.${basename(path)}-`));
  });
  try {
    const answer = await ask();
    if ("fingerprint" in answer) return answer;
    await onDisk(path, async () => {
      for (const [name, content] of Object.entries(filesOf(answer))) await writeFile(join(draft, name), content, { mode: 0o600, flag: "wx" });
      // Replaces an empty folder, but no other file, folder or link.
      await rename(draft, path);
    });
    return { folder: path };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function filesOf({ brokers, webSocketBrokers, brokerCertChain, certificate, privateKey }: Provisioned): Record<string, string> {
  const section = (name: string, lines: string) => `\n[${name}]\n${brokerLines(lines).join("\n")}\n`;
  return {
    "ca-bundle.crt": ended(brokerCertChain),
    "client.crt": ended(certificate),
    "client.key": ended(privateKey),
    "dxlclient.config": "[General]\n#UseWebSockets=false\n\n[Certs]\nBrokerCertChain=ca-bundle.crt\nCertFile=client.crt\nPrivateKey=client.key\n"
      + section("Brokers", brokers) + (webSocketBrokers === "" ? "" : section("BrokersWebSockets", webSocketBrokers)),
  };
}

const ended = (text: string) => (text.endsWith("\n") ? text : `${text}\n`);

/** The lines that name a broker: a server must not add sections of its own to the file. */
const brokerLines = (lines: string): string[] => lines.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => line !== "" && !/^[#;[]/.test(line));

async function isFree(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory() && (await readdir(path)).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
}

async function onDisk<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof SiemError ? cause : fabricError("PROVISION_FOLDER_FAILED", plain.params({ folder, reason: cause }), { cause: plain.cause(cause), permanent: true });
  }
}
