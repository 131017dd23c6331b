// What the stage shows while there is no clip to rate: the agent as it is now, and at the end the
// first clip beside the last, with the curve of the learned reward.

import { rewardCurve } from "./charts.js";
import { byId, element, setText } from "./dom.js";
import { inSteps, leftWords, remainingSeconds } from "./outlook.js";
import { Reel } from "./reel.js";

const TICK_MS = 500;

export class Meanwhile {
  constructor(cache) {
    this.cache = cache;
    this.root = byId("meanwhile");
    this.shown = ""; // what is drawn, so that it is not begun anew every few seconds
    this.reels = [];
    this.outlook = null;
    setInterval(() => this.tick(), TICK_MS);
  }

  // The agent as it is now: its newest clip.
  showNewest({ newest, run }) {
    const label = `the agent now, at step ${inSteps(newest.step)}`;
    this.draw(`newest ${newest.clip}`, () => [
      this.card(newest.clip, run, label, "The agent now", `step ${inSteps(newest.step)}`),
    ]);
  }

  // What the ratings did, as the server tells it.
  showStory({ story, run }) {
    const end = (name, { clip, step, rating }) => {
      const said = `step ${inSteps(step)}: ${run.class_names[rating]}`;
      return this.card(clip, run, `your ${name} clip, ${said}`, `Your ${name} clip`, said);
    };
    this.draw(`story ${JSON.stringify(story)}`, () => [
      element("div", { class: "pair" }, end("first", story.first), end("last", story.last)),
      story.curve.length > 2 ? rewardCurve(story.curve) : null,
    ]);
  }

  card(digest, run, label, ...lines) {
    const reel = new Reel(this.cache, label);
    this.reels.push(reel);
    reel.show(digest, run.segment_length);
    const words = lines.map((line) => element("span", {}, line));
    return element("figure", {}, reel.button, element("figcaption", {}, ...words));
  }

  draw(key, make) {
    if (key === this.shown) return;
    this.clear();
    this.shown = key;
    this.root.replaceChildren(...make().filter(Boolean));
    this.root.hidden = false;
  }

  // What goes on, and for how much longer: counted down between two answers of the server.
  expect(outlook, now) {
    if (outlook !== this.outlook) Object.assign(this, { outlook, since: now });
    this.tick();
  }

  tick() {
    const { state } = byId("stage").dataset;
    const waits = state === "waiting" || state === "ended";
    const left = waits ? remainingSeconds(this.outlook, performance.now() - this.since) : null;
    setText(byId("left"), left === null ? "" : leftWords(left));
  }

  clear() {
    this.shown = "";
    for (const reel of this.reels) reel.clear();
    this.reels = [];
    this.root.replaceChildren();
    this.root.hidden = true;
  }
}
