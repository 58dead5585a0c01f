/** Files that were saved in a form that the clients of a fabric do not read. */
import { plain } from "../common/border";
import { fabricError } from "./fabric-errors";

/** The first characters of PEM, or of a section of a configuration, with the zero bytes of UTF-16 between them, in either byte order. */
const UTF16 = /-\0-\0-\0-|\[\0\w\0\w/;
/** PEM, or a section of a configuration. */
const TEXT = /-----BEGIN|^[ \t]*\[/m;
/** A zero byte, and what stands for bytes that are no UTF-8. */
const BINARY = /[\0\uFFFD]/;

/**
 * `text`, which was read as UTF-8, without a byte order mark. `name` of the file or the credential is for the errors. Throws
 * TEXT_UTF16, and TEXT_BINARY for certificates and keys that are no PEM text.
 */
export function readableText(text: string, name: string): string {
  if (UTF16.test(text)) throw fabricError("TEXT_UTF16", plain.params({ name }), { permanent: true });
  if (BINARY.test(text) && !TEXT.test(text)) throw fabricError("TEXT_BINARY", plain.params({ name }), { permanent: true });
  return text.replace(/^\uFEFF/, "");
}
