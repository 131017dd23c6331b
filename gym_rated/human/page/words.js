// What the numbers of the server mean, in sentences: how training goes, how alike the ratings are.

import { counted } from "./dom.js";

const ENOUGH = 20; // second showings below which a share says little

// A rater's own ratings, in the numbers of this run.
export function own({ mine }) {
  const parts = [counted(mine.rated, "rating", "ratings"), `${mine.skipped} can’t tell`];
  const speed = mine.per_minute;
  if (speed) parts.push(`${speed.toFixed(speed < 10 ? 1 : 0)} a minute`);
  return parts.join(" · ");
}

export function agreement(found) {
  if (!found || found.num === 0) return "A few clips come twice. None of yours has yet.";
  const { num, exact, within_one: close } = found;
  const text = `${exact} of ${num} got the same rating, ${close} within one class.`;
  if (found.num < ENOUGH) return `${text} Fewer than ${ENOUGH} are too few to judge by.`;
  if (typeof found.kappa !== "number") return text;
  const range = `${found.low.toFixed(2)} to ${found.high.toFixed(2)}`;
  return `${text} Weighted kappa ${found.kappa.toFixed(2)} (${range}).`;
}

// How many of a rater's own ratings contradict the rest, as far as the learned reward can tell.
export function contradictions({ num, among, fewer }) {
  const text = `${fewer ? "Fewer than" : "About"} ${num} in ${among} of your ratings contradict the rest.`;
  return `${text} The learned reward says so; it may be wrong itself.`;
}

// What the learned reward says of a rater's ratings: sentences, none before it can tell.
export function rewardSays({ agreeing, contradicting }) {
  const found = [];
  if (agreeing) {
    const { num, percent } = agreeing;
    found.push(`The reward agrees with your last ${num} ratings in ${percent} % of pairs. ${FAIR}`);
  }
  if (contradicting) found.push(contradictions(contradicting));
  return found;
}

const FAIR = "It had not learned from them yet; half is chance.";

export function lookAgain(num) {
  return num === 1 ? "Look at this one again:" : `Look at these ${num} again:`;
}

// What a rater hears at the end, once nothing is left to show: "answered", "finished" or "stopped".
export function endingWords(end, isAway, kept) {
  const headline = {
    answered: "All clips are rated",
    finished: "The training is finished",
    stopped: "The server was stopped",
  }[end];
  if (kept) {
    const are = counted(kept, "rating is", "ratings are");
    return { headline, detail: `${are} kept in this browser, and sent once the server is back.` };
  }
  const close = "You can close this page.";
  if (end === "stopped") {
    const anew = "It prints a new link if it is started again.";
    return { headline, detail: `All your ratings are saved. ${anew}` };
  }
  if (end === "finished") return { headline, detail: `All your ratings are saved. ${close}` };
  const rest = isAway
    ? "The server has ended, or cannot be reached."
    : "The training goes on with them.";
  return { headline, detail: `Nothing more is asked for, and all is saved. ${rest} ${close}` };
}

export function training({ trainer, rendering, dropped, problem }) {
  const parts = [];
  if (trainer) {
    const ago = minutesAgo(trainer);
    parts.push(`Step ${trainer.step.toLocaleString("en")}${ago ? `, last seen ${ago}` : ""}.`);
    if (trainer.learned_return !== null) {
      parts.push(`Return of the learned reward: ${trainer.learned_return.toPrecision(3)}.`);
    }
  } else {
    parts.push("No training has been seen.");
  }
  if (rendering) parts.push(`${counted(rendering, "clip is", "clips are")} being rendered.`);
  if (dropped) parts.push(`${counted(dropped, "segment", "segments")} could not be rendered.`);
  if (problem) parts.push(problem);
  return parts.join(" ");
}

export function minutesAgo({ seen_s_ago: seconds }) {
  return seconds > 60 ? `${counted(Math.round(seconds / 60), "minute", "minutes")} ago` : "";
}
