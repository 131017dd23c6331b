// The learned reward step by step, with a cursor that moves with the film: a click, a drag or the
// arrow keys go to a step.

import { byId, drawing, setText } from "../dom.js";
import { classColour } from "../ramp.js";

const HEIGHT = 100;
const EDGE = 8;
const BAND = 7;

export class Curve {
  // Calls onSeek(step) when somebody chooses a step; pageLength() says how far a page key goes.
  constructor({ onSeek, pageLength }) {
    Object.assign(this, { onSeek, pageLength });
    this.box = byId("curve");
    this.svg = byId("drawn");
    this.steps = 1;
    this.step = 0;
    this.cursor = null;
    this.box.addEventListener("pointerdown", (event) => this.grasp(event));
    this.box.addEventListener("pointermove", (event) => {
      if (this.box.hasPointerCapture(event.pointerId)) this.follow(event);
    });
    this.box.addEventListener("keydown", (event) => this.press(event));
  }

  // Draws an episode; rewards may be null, and so may the true ones.
  draw({ learned, truth, steps }) {
    Object.assign(this, { learned, steps });
    this.box.setAttribute("aria-valuemax", steps);
    this.svg.setAttribute("viewBox", `0 0 ${steps} ${HEIGHT}`);
    this.bands = drawing("g");
    this.mark = drawing("rect", { y: 0.5, height: HEIGHT - 1, class: "mark", "data-testid": "mark" });
    this.cursor = drawing("path", { class: "cursor", "data-testid": "cursor" });
    const lines = [
      ...(truth ? [line(truth, "true")] : []),
      ...(learned ? [zero(learned), line(learned, "learned")] : []),
    ];
    this.svg.replaceChildren(this.bands, this.mark, ...lines, this.cursor);
  }

  // Where the film is, and which steps around it are marked.
  show(step, [first, stop]) {
    this.step = step;
    this.cursor?.setAttribute("d", `M${step + 0.5} 0V${HEIGHT}`);
    this.mark?.setAttribute("x", first);
    this.mark?.setAttribute("width", stop - first);
    const value = this.learned ? `, learned reward ${this.learned[step].toPrecision(3)}` : "";
    const said = `Step ${step + 1} of ${this.steps}${value}`;
    this.box.setAttribute("aria-valuenow", step + 1);
    this.box.setAttribute("aria-valuetext", said);
    setText(byId("now"), said);
  }

  // The segments that are rated, each in the colour of its class along the lower edge.
  drawRated(rated, length, numClasses) {
    const size = Math.min(length, this.steps);
    const bands = rated.map(({ first_step: x, rating }) => {
      const place = { x, width: size, y: HEIGHT - BAND, height: BAND, class: "band" };
      const band = drawing("rect", { ...place, "data-testid": "band", "data-rating": rating ?? "" });
      if (rating !== null) band.style.setProperty("--class", classColour(rating, numClasses));
      return band;
    });
    this.bands.replaceChildren(...bands);
  }

  grasp(event) {
    this.box.setPointerCapture(event.pointerId);
    this.follow(event);
  }

  follow({ clientX }) {
    const { left, width } = this.box.getBoundingClientRect();
    const step = Math.floor(((clientX - left) / width) * this.steps);
    this.onSeek(Math.min(Math.max(step, 0), this.steps - 1));
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const to = {
      ArrowLeft: this.step - 1,
      ArrowDown: this.step - 1,
      ArrowRight: this.step + 1,
      ArrowUp: this.step + 1,
      PageDown: this.step - this.pageLength(),
      PageUp: this.step + this.pageLength(),
      Home: 0,
      End: this.steps - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // or the page would go back by a segment as well
    this.onSeek(Math.min(Math.max(to, 0), this.steps - 1));
  }
}

// Where values lie: the smallest and the largest at the edges; one that never changes, midway.
export function scaleOf(values) {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const span = values.reduce((most, value) => Math.max(most, value), -Infinity) - low;
  const bottom = HEIGHT - BAND - EDGE;
  return (value) => (span ? bottom - ((bottom - EDGE) * (value - low)) / span : HEIGHT / 2);
}

function line(values, kind) {
  const y = scaleOf(values);
  const points = values.map((value, k) => `${k + 0.5} ${y(value).toFixed(2)}`);
  return drawing("path", { d: `M${points.join("L")}`, class: kind, "data-testid": kind });
}

// A line where the reward is 0, if it is within sight.
function zero(values) {
  if (values.every((value) => value > 0) || values.every((value) => value < 0)) return "";
  return drawing("path", { d: `M0 ${scaleOf(values)(0)}H${values.length}`, class: "rule" });
}
