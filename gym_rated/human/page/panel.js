// The folding panel: a rater's own numbers and how the training goes. It knows the learned reward
// only; the true one never reaches this page.

import { curve, histogram, strips } from "./charts.js";
import { element } from "./dom.js";
import { agreement, lookAgain, own, rewardSays, training } from "./words.js";

const WIDEST = 440;
const LEARNED_KEPT = 200;

export class Panel {
  constructor(root, sound, again, { examples, said } = {}) {
    Object.assign(this, { root, sound, again, examples, said });
    this.returns = []; // [training step, return of the learned reward], as this page saw them
  }

  draw(state) {
    if (!state.run) {
      this.root.replaceChildren(fact("No run has begun in this database."));
      return;
    }
    this.remember(state.trainer);
    const names = state.run.class_names;
    const width = Math.min(this.root.clientWidth || WIDEST, WIDEST);
    const { learned } = state;
    const mine = histogram(names, state.mine.counts, width);
    const round = this.examples.draw(state);
    const said = this.said.draw(names);
    this.root.replaceChildren(
      ...(round.length ? [section("This round", ...round)] : []),
      section("Your ratings by class", mine, fact(own(state))),
      section("The same clip, seen twice", fact(agreement(state.agreement))),
      ...this.opinion(state),
      ...(said ? [section("Your flags and comments", said)] : []),
      ...(learned ? [section("Learned reward by your class", strips(names, learned, width))] : []),
      section("Training", fact(training(state)), this.curve(width)),
      this.sound.control,
    );
  }

  // What the reward says of the ratings, and which of them to look at again.
  opinion(state) {
    const facts = rewardSays(state);
    if (!facts.length) return [];
    const again = this.again?.draw(state) ?? null;
    const ask = again ? fact(lookAgain(this.again.left(state).length)) : null;
    return [section("The learned reward and you", ...facts.map(fact), ask, again)];
  }

  curve(width) {
    return this.returns.length > 2 ? curve(this.returns, width) : null;
  }

  remember(trainer) {
    if (!trainer || trainer.learned_return === null) return;
    const last = this.returns.at(-1);
    if (last && last[0] >= trainer.step) return;
    this.returns.push([trainer.step, trainer.learned_return]);
    this.returns = this.returns.slice(-LEARNED_KEPT);
  }
}

function section(title, ...content) {
  return element("section", {}, element("h2", {}, title), ...content);
}

const fact = (text) => element("p", { class: "fact" }, text);
