// The guidelines: what is asked, and what tells a clip of each class, beside the clip of this round
// that the rater last called so. They open by themselves when a rater comes first to a run that has
// texts for its classes, and again only where these were changed.

import { byId, element, setText } from "./dom.js";
import { chosen } from "./examples.js";
import { classColour, keyOfClass } from "./ramp.js";

const PREFIX = "gym_rated/guidelines/";

export class Guidelines {
  // `examples` is for these alone: a film cannot be in two places. Calls onClosed() at the end.
  constructor(examples, settings, onClosed) {
    Object.assign(this, { examples, settings, onClosed });
    this.box = byId("guidelines");
    this.read = new Set(); // what localStorage has no room for
    this.box.addEventListener("close", () => this.forget());
  }

  get isOpen() {
    return this.box.open;
  }

  // Opens if this rater has not seen these texts.
  offer(said) {
    if (!said.run?.class_texts.length || said.end || document.querySelector("dialog[open]")) return;
    const mark = markOf(said);
    if (!this.read.has(mark.join()) && recall(mark[0]) !== mark[1]) this.open(said);
  }

  open(said) {
    if (!said?.run) return;
    this.mark = markOf(said);
    this.draw(said);
    this.box.showModal();
    byId("close-guidelines").focus();
  }

  draw({ run, examples }) {
    setText(byId("guidelines-asked"), run.instructions);
    const found = chosen(examples, this.examples.roundInView());
    const items = run.class_names.map((name, k) =>
      element(
        "li",
        { class: "guide" },
        found ? this.example(found.clips[k], name, run) : null,
        this.words(name, k, run),
      ),
    );
    byId("guides").replaceChildren(...items);
  }

  example(digest, name, run) {
    if (!digest) return element("span", { class: "none" }, "none yet");
    return this.examples.reel(digest, name, run).button;
  }

  words(name, place, { class_names: names, class_texts: texts }) {
    const head = element(
      "span",
      { class: "name" },
      element("kbd", {}, keyOfClass(place, this.settings.key_base)),
      element("b", {}, name),
    );
    const text = texts.length ? element("span", { class: "text" }, texts[place]) : null;
    const words = element("div", { class: "words" }, head, text);
    words.style.setProperty("--class", classColour(place, names.length));
    return words;
  }

  close() {
    this.box.close();
  }

  // They were read; what moved in them stops.
  forget() {
    this.read.add(this.mark.join());
    remember(...this.mark);
    this.examples.clear();
    this.onClosed();
  }
}

// Where it is written down that these were read, and what is written there.
export function markOf({ rater, database, run }) {
  const key = PREFIX + [database, run.id, rater].map(encodeURIComponent).join("/");
  return [key, JSON.stringify([run.instructions, run.class_names, run.class_texts])];
}

function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // switched off in this browser
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // until the next reload, then
  }
}
