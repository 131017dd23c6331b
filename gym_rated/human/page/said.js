// The panel's list of what this rater flagged or commented on; one with a rating can be opened again.

import { element } from "./dom.js";
import { drawMiddle } from "./thumbnail.js";

const SIDE = 88; // pixels of a picture, twice what is shown, for sharp screens

export class Said {
  // Calls onChoose(entry) with the one to open.
  constructor(cache, remarks, onChoose) {
    Object.assign(this, { cache, remarks, onChoose });
  }

  // A list; null where nothing was said.
  draw(names) {
    const { standing } = this.remarks;
    if (!standing.length) return null;
    const items = standing.map((one, k) => this.item(one, k, names));
    return element("ul", { class: "said-list", "data-testid": "said" }, ...items);
  }

  item(one, place, names) {
    const words = element(
      "span",
      { class: "words" },
      one.flagged ? element("b", {}, "Flagged") : null,
      one.flagged && one.comment ? ": " : null,
      one.comment || null,
    );
    return element("li", {}, this.picture(one, place, names), words);
  }

  picture(one, place, names) {
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    if (one.clip) {
      this.cache
        .get(one.clip)
        .then((clip) => drawMiddle(canvas, clip))
        .catch(() => {}); // the words are there, all the same
    }
    if (one.rating === null || !one.clip) return element("span", { class: "thumb" }, canvas);
    const called = one.rating < 0 ? "can’t tell" : (names[one.rating] ?? `class ${one.rating}`);
    const label = `Open the clip that you called ${called}`;
    const attributes = { type: "button", class: "thumb", "aria-label": label, title: label };
    const button = element("button", { ...attributes, "data-testid": `said-${place}` }, canvas);
    button.addEventListener("click", () => this.onChoose(one));
    return button;
  }
}
