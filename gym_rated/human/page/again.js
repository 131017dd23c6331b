// The ratings that contradict the rest most, to be looked at again: each once, in this browser tab.

import { element } from "./dom.js";
import { classColour } from "./ramp.js";
import { drawMiddle } from "./thumbnail.js";

const KEY = "gym_rated/looked-at";
const SIDE = 144; // pixels of a picture, twice what is shown, for sharp screens

export class Again {
  // Calls onChoose(entry) with the one to look at.
  constructor(cache, onChoose) {
    Object.assign(this, { cache, onChoose });
    this.looked = new Set(recall());
  }

  // Those that were not looked at yet.
  left(said) {
    return (said?.doubtful ?? []).filter((one) => !this.looked.has(nameOf(said, one)));
  }

  look(said, one) {
    this.looked.add(nameOf(said, one));
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...this.looked]));
    } catch {
      // until the next reload, then
    }
    this.onChoose(one);
  }

  // A list of small pictures; null where there is nothing to look at.
  draw(said) {
    const left = this.left(said);
    if (!left.length) return null;
    const items = left.map((one, k) => element("li", {}, this.button(said, one, k)));
    return element("ul", { class: "again", "data-testid": "again" }, ...items);
  }

  button(said, one, place) {
    const names = said.run.class_names;
    const name = names[one.rating] ?? `class ${one.rating}`;
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    this.cache
      .get(one.clip)
      .then((clip) => drawMiddle(canvas, clip))
      .catch(() => {}); // the name says what it was, all the same
    const button = element(
      "button",
      {
        type: "button",
        class: "doubt",
        "data-testid": `again-${place}`,
        "aria-label": `Look again at the clip that you called ${name}`,
      },
      canvas,
      element("span", {}, name),
    );
    button.style.setProperty("--class", classColour(one.rating, names.length));
    button.addEventListener("click", () => this.look(said, one));
    return button;
  }
}

const nameOf = ({ database }, { query_id: id }) => `${database}/${id}`;

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}
