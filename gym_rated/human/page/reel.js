// A small clip beside the one that is rated: an example, the agent as it is now, the first and the
// last clip at the end. It repeats while it is shown; a press stops it, another starts it again.

import { element } from "./dom.js";
import { usualSpeed } from "./pace.js";
import { Slot } from "./slot.js";

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Reel {
  // `label` says what is seen; `startsStill`: it moves only once it is pressed.
  constructor(cache, label, { startsStill = false } = {}) {
    this.cache = cache;
    this.label = label;
    this.startsStill = startsStill;
    this.digest = null;
    const root = element("span", { class: "view" });
    this.slot = new Slot(root, () => {});
    this.button = element("button", { type: "button", class: "reel", "data-state": "empty" }, root);
    this.button.addEventListener("click", (event) => {
      event.stopPropagation(); // the stage below would take it for its own clip
      this.toggle();
    });
    this.name();
  }

  // Shows a clip as fast as those of its run play; one that is shown already goes on.
  async show(digest, segmentLength) {
    if (digest === this.digest) return;
    this.digest = digest;
    try {
      const clip = await this.cache.get(digest);
      if (digest !== this.digest) return;
      this.speed = segmentLength ? usualSpeed(segmentLength / clip.fps) : 1;
      await this.slot.load(digest, clip);
      if (digest !== this.digest) return;
      this.turn(!this.startsStill && !calm());
    } catch {
      if (digest === this.digest) this.button.dataset.state = "missing";
    }
  }

  toggle() {
    if (this.slot.isReady) this.turn(!this.slot.isRunning);
  }

  turn(plays) {
    if (plays) this.slot.play(this.speed);
    else this.slot.pause();
    this.button.dataset.state = plays ? "playing" : "still";
    this.name();
  }

  name() {
    this.button.setAttribute("aria-label", `${this.slot.isRunning ? "Pause" : "Play"}: ${this.label}`);
  }

  clear() {
    this.digest = null;
    this.slot.clear();
    this.button.dataset.state = "empty";
  }
}
