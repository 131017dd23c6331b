// The last ten answers as small pictures; a click on one opens it again.

import { element } from "./dom.js";
import { drawMiddle, drawThumbnail } from "./thumbnail.js";
import { classColour } from "./ramp.js";

const SHOWN = 10;
const SIDE = 88; // pixels of a picture, twice what is shown, for sharp screens

export class History {
  constructor(list, cache, onChoose, remarks) {
    Object.assign(this, { list, cache, onChoose, remarks });
    this.entries = []; // newest first: { query_id, clip, rating or -1, saved, query }
    this.pictures = new Map(); // clip digest -> canvas
    this.open = null;
  }

  // The answers that are shown, and the place of the one that is open, -1: none is.
  get shown() {
    return this.entries.slice(0, SHOWN);
  }

  get openPlace() {
    return this.shown.findIndex((entry) => entry.query_id === this.open);
  }

  get latest() {
    return this.entries[0] ?? null;
  }

  find(queryId) {
    return this.entries.find((entry) => entry.query_id === queryId) ?? null;
  }

  add(entry, picture) {
    const index = this.entries.findIndex((old) => old.query_id === entry.query_id);
    if (index >= 0) this.entries.splice(index, 1);
    this.entries.unshift(entry);
    if (picture && !this.pictures.has(entry.clip)) {
      const canvas = this.blank();
      if (drawThumbnail(canvas, picture)) this.pictures.set(entry.clip, canvas);
    }
  }

  // Whether the answer was there, and is another one now, in its old place.
  change(entry) {
    const place = this.entries.findIndex((old) => old.query_id === entry.query_id);
    if (place >= 0) this.entries[place] = entry;
    return place >= 0;
  }

  remove(queryId) {
    this.entries = this.entries.filter((entry) => entry.query_id !== queryId);
  }

  // What the server knows, in the place of what this page remembers.
  replace(rows, runQuery) {
    this.entries = rows.map((row) => ({
      query: runQuery(row),
      ...this.find(row.query_id),
      ...row,
      saved: true,
    }));
  }

  draw(classNames) {
    const { shown } = this;
    const kept = new Set(shown.map((entry) => entry.clip));
    for (const digest of this.pictures.keys()) if (!kept.has(digest)) this.pictures.delete(digest);
    const active = document.activeElement;
    const focused = this.list.contains(active) ? active.dataset.query : null;
    this.list.replaceChildren(...shown.map((entry, k) => this.item(entry, k, classNames(entry))));
    if (focused) this.list.querySelector(`[data-query="${Number(focused)}"]`)?.focus();
  }

  item(entry, place, names) {
    const skipped = entry.rating < 0;
    const answer = skipped ? "can’t tell" : (names[entry.rating] ?? `class ${entry.rating}`);
    const isFlagged = this.remarks.of(entry.query_id).flagged;
    const state = `${isFlagged ? ", flagged" : ""}${entry.saved ? "" : ", not yet saved"}`;
    const button = element(
      "button",
      {
        type: "button",
        class: "thumb",
        title: `${answer}${state}`,
        "aria-label": `${place + 1} back: ${answer}${state}. Change it`,
        "aria-pressed": String(this.open === entry.query_id),
        "data-testid": `history-${place}`,
        "data-query": entry.query_id,
        "data-rating": entry.rating,
        "data-saved": String(Boolean(entry.saved)),
      },
      this.picture(entry),
      isFlagged ? element("span", { class: "flagged", "aria-hidden": "true" }, "⚑") : null,
      element("span", { class: "answer", "aria-hidden": "true" }),
    );
    button.lastChild.style.background = skipped ? "" : classColour(entry.rating, names.length);
    button.classList.toggle("skipped", skipped);
    button.classList.toggle("unseen-clip", !entry.clip);
    button.addEventListener("click", (event) => {
      if (event.detail > 0) button.blur();
      this.onChoose(entry);
    });
    return element("li", {}, button);
  }

  picture(entry) {
    let canvas = this.pictures.get(entry.clip);
    if (canvas?.parentNode) {
      const copy = this.blank();
      copy.getContext("2d").drawImage(canvas, 0, 0);
      if (document.contains(canvas)) canvas.remove();
      canvas = copy;
      this.pictures.set(entry.clip, canvas);
    }
    if (!canvas) {
      canvas = this.blank();
      this.pictures.set(entry.clip, canvas);
      if (entry.clip) this.fetchPicture(entry.clip);
    }
    return canvas;
  }

  async fetchPicture(digest) {
    try {
      const clip = await this.cache.get(digest);
      const canvas = this.blank();
      await drawMiddle(canvas, clip);
      this.pictures.get(digest)?.getContext("2d").drawImage(canvas, 0, 0);
    } catch {
      this.pictures.delete(digest); // the next time it is drawn it is asked for again
    }
  }

  blank() {
    return element("canvas", { width: SIDE, height: SIDE });
  }
}
