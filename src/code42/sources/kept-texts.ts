/** Counts the JSON that a source keeps of a list until its events are sent. */
import { plain } from "../../common/border";
import { KEPT_CHARACTERS } from "../../common/limits";
import { pageError } from "../../pages/errors";
import type { EventPlace } from "../../pages/packed-events";

export class KeptTexts {
  /** `characters`: of the texts that are kept. */
  constructor(public characters = 0) {}

  /** With the texts of `events` counted already. */
  static of(events: readonly EventPlace[]): KeptTexts {
    return new KeptTexts(events.reduce((sum, { slice }) => sum + ("text" in slice ? slice.text.length : 0), 0));
  }

  /** Keeps `event` in a slice of its own. Throws PAGE_TOO_LARGE if too much is kept. */
  placeOf(event: unknown): EventPlace {
    return { slice: { text: this.textOf(event) }, index: 0 };
  }

  /** The JSON of `value`. Throws PAGE_TOO_LARGE if too much is kept. */
  textOf(value: unknown): string {
    return this.counted(JSON.stringify(value));
  }

  /** Counts `text` and returns it. Throws PAGE_TOO_LARGE if too much is kept. */
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
