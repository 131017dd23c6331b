// The folding panel: a rater's own numbers and how the training goes, drawn as inline SVG. It knows
// the learned reward only; the true one never reaches this page.

import { counted, drawing, element } from "./dom.js";
import { classColour } from "./ramp.js";

const WIDEST = 440;
const ENOUGH = 20; // second showings below which a share says little
const LEARNED_KEPT = 200;

export class Panel {
  constructor(root, sound) {
    this.root = root;
    this.sound = sound;
    this.returns = []; // [training step, return of the learned reward], as this page saw them
  }

  draw(state) {
    if (!state.run) {
      this.root.replaceChildren(element("p", { class: "fact" }, "No run has begun in this database."));
      return;
    }
    this.remember(state.trainer);
    const names = state.run.class_names;
    const width = Math.min(this.root.clientWidth || WIDEST, WIDEST);
    this.root.replaceChildren(
      section("Your ratings by class", histogram(names, state.mine.counts, width), own(state)),
      section("The same clip, seen twice", fact(agreement(state.agreement))),
      ...(state.learned ? [section("Learned reward by your class", strips(names, state.learned, width))] : []),
      section("Training", fact(training(state)), this.returns.length > 2 ? curve(this.returns, width) : null),
      this.sound.control,
    );
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

function own({ mine }) {
  const parts = [counted(mine.rated, "rating", "ratings"), counted(mine.skipped, "can’t tell", "can’t tell")];
  if (mine.per_minute) parts.push(`${mine.per_minute.toFixed(mine.per_minute < 10 ? 1 : 0)} a minute`);
  return fact(parts.join(" · "));
}

function agreement(found) {
  if (!found || found.num === 0) return "A few clips come twice. None of yours has yet.";
  const text = `${found.exact} of ${found.num} got the same rating, ${found.within_one} within one class.`;
  if (found.num < ENOUGH) return `${text} Fewer than ${ENOUGH} are too few to judge by.`;
  if (typeof found.kappa !== "number") return text;
  return `${text} Weighted kappa ${found.kappa.toFixed(2)} (${found.low.toFixed(2)} to ${found.high.toFixed(2)}).`;
}

// What a rater who waits wants to know.
export function outlook({ run, trainer, rendering, problem }) {
  if (!run) return "No run has begun in this database yet.";
  if (rendering) return `${counted(rendering, "clip is", "clips are")} being rendered. ${problem}`;
  if (problem) return problem;
  if (!trainer) return "No training has been seen; clips will appear here when there are some.";
  const seen = trainer.seen_s_ago > 60 ? `, ${counted(Math.round(trainer.seen_s_ago / 60), "minute", "minutes")} ago` : "";
  return `Training was at step ${trainer.step.toLocaleString("en")}${seen}.`;
}

function training({ trainer, rendering, dropped, problem }) {
  const parts = [];
  if (trainer) {
    const seen = trainer.seen_s_ago > 60 ? `, last seen ${counted(Math.round(trainer.seen_s_ago / 60), "minute", "minutes")} ago` : "";
    parts.push(`Step ${trainer.step.toLocaleString("en")}${seen}.`);
    if (trainer.learned_return !== null) parts.push(`Return of the learned reward: ${trainer.learned_return.toPrecision(3)}.`);
  } else {
    parts.push("No training has been seen.");
  }
  if (rendering) parts.push(`${counted(rendering, "clip is", "clips are")} being rendered.`);
  if (dropped) parts.push(`${counted(dropped, "segment", "segments")} could not be rendered.`);
  if (problem) parts.push(problem);
  return parts.join(" ");
}

function histogram(names, counts, width) {
  const row = 24;
  const most = Math.max(1, ...counts);
  const left = Math.min(132, 0.36 * width);
  const picture = drawing("svg", {
    viewBox: `0 0 ${width} ${row * names.length}`,
    role: "img",
    "aria-label": names.map((name, k) => `${name}: ${counts[k]}`).join(", "),
    "data-testid": "histogram",
  });
  names.forEach((name, k) => {
    const middle = row * (k + 0.5);
    const length = ((width - left - 40) * counts[k]) / most;
    picture.append(
      drawing("text", { x: left - 10, y: middle + 4, "text-anchor": "end", class: "label" }, shortened(name, left)),
      drawing("rect", { x: left, y: middle - 7, width: Math.max(length, 2), height: 14, rx: 3, fill: classColour(k, names.length) }),
      drawing("text", { x: left + length + 8, y: middle + 4, class: "count" }, counts[k]),
    );
  });
  return picture;
}

function strips(names, learned, width) {
  const row = 24;
  const left = Math.min(132, 0.36 * width);
  const values = learned.flat();
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const picture = drawing("svg", {
    viewBox: `0 0 ${width} ${row * names.length}`,
    role: "img",
    "aria-label": "Return that the learned reward gives to clips you have rated, by class",
    "data-testid": "learned",
  });
  names.forEach((name, k) => {
    const middle = row * (k + 0.5);
    picture.append(
      drawing("text", { x: left - 10, y: middle + 4, "text-anchor": "end", class: "label" }, shortened(name, left)),
      drawing("path", { d: `M${left} ${middle}H${width - 8}`, class: "rule" }),
      ...(learned[k] ?? []).map((value) =>
        drawing("circle", { cx: left + 4 + ((width - left - 16) * (value - low)) / span, cy: middle, r: 3.5, fill: classColour(k, names.length), "fill-opacity": 0.7 }),
      ),
    );
  });
  return picture;
}

function curve(points, width) {
  const height = 64;
  const [from, to] = [points[0][0], points.at(-1)[0]];
  const low = Math.min(...points.map((p) => p[1]));
  const span = Math.max(...points.map((p) => p[1])) - low || 1;
  const at = ([step, value]) =>
    `${((width * (step - from)) / (to - from)).toFixed(1)},${(height - 4 - ((height - 8) * (value - low)) / span).toFixed(1)}`;
  return drawing(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Return of the learned reward, steps ${from} to ${to}` },
    drawing("polyline", { points: points.map(at).join(" "), class: "curve" }),
  );
}

function shortened(name, room) {
  const letters = Math.floor(room / 7);
  return name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
}
