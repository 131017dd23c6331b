// What a rater called each class in the round of the clip in view: the scale that it is compared
// with. The agent changes from round to round, so that clips of others say nothing.

import { element } from "./dom.js";
import { classColour } from "./ramp.js";
import { Reel } from "./reel.js";

export const ADVICE =
  "The agent changes from round to round. Compare a clip with those of this round only. What you last called:";

export class Examples {
  // `roundInView()` is the round of the clip that is rated, undefined where it is not known.
  constructor(cache, roundInView) {
    Object.assign(this, { cache, roundInView });
    this.reels = new Map(); // clip digest -> its film, so that a redraw does not begin it anew
  }

  // Lets go of all films.
  clear() {
    for (const reel of this.reels.values()) reel.clear();
    this.reels.clear();
  }

  // Parts of the panel; none where nothing of the round is rated.
  draw({ examples, run }) {
    const found = chosen(examples, this.roundInView());
    const kept = new Set(found?.clips);
    for (const [digest, reel] of this.reels) {
      if (kept.has(digest)) continue;
      reel.clear();
      this.reels.delete(digest);
    }
    if (!found) return [];
    const items = found.clips.map((digest, k) => this.item(digest, k, run));
    const list = element("ul", { class: "examples", "data-testid": "examples" }, ...items);
    return [element("p", { class: "fact" }, ADVICE), list];
  }

  item(digest, place, run) {
    const name = run.class_names[place];
    const label = element("span", { class: "name" }, name);
    label.style.setProperty("--class", classColour(place, run.class_names.length));
    const none = element("span", { class: "none" }, "none yet");
    return element("li", {}, digest ? this.reel(digest, name, run).button : none, label);
  }

  reel(digest, name, run) {
    if (!this.reels.has(digest)) {
      const reel = new Reel(this.cache, `what you called ${name}`, { startsStill: true });
      reel.show(digest, run.segment_length);
      this.reels.set(digest, reel);
    }
    return this.reels.get(digest);
  }
}

// The examples of the round in view; where it has none or is not known, there is nothing to say but
// for a run that does not tell its rounds.
export function chosen(examples, round) {
  if (!examples?.length) return null;
  if (round === undefined || round === null) return examples[0];
  return examples.find((one) => one.round === round) ?? null;
}
