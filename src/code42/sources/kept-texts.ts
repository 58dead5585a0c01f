/** Counts the JSON that a source keeps of a list until its events are sent. */
import { plain } from "../../common/border";
import { KEPT_CHARACTERS } from "../../common/limits";
import { pageError } from "../../pages/errors";

export class KeptTexts {
  /** `characters`: of the texts that are kept. */
  constructor(public characters = 0) {}

  /** The JSON of `value`. Throws PAGE_TOO_LARGE if too much is kept. */
  textOf(value: unknown): string {
    return this.counted(JSON.stringify(value));
  }

  /** The same for a text that was made. */
  counted(text: string): string {
    this.characters += text.length;
    if (this.characters > KEPT_CHARACTERS) throw pageError("PAGE_TOO_LARGE", plain.params({ reason: `its new events are longer than ${KEPT_CHARACTERS / 2 ** 20} million characters` }));
    return text;
  }

  /** For an answer that may have to be read again. */
  copy(): KeptTexts {
    return new KeptTexts(this.characters);
  }
}
