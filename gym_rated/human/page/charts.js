// The charts of the folding panel, drawn as inline SVG, so that they need no library.

import { drawing, element } from "./dom.js";
import { classColour } from "./ramp.js";

export function histogram(names, counts, width) {
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
      label(name, left, middle),
      drawing("rect", {
        x: left,
        y: middle - 7,
        width: Math.max(length, 2),
        height: 14,
        rx: 3,
        fill: classColour(k, names.length),
      }),
      drawing("text", { x: left + length + 8, y: middle + 4, class: "count" }, counts[k]),
    );
  });
  return picture;
}

export function strips(names, learned, width) {
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
      label(name, left, middle),
      drawing("path", { d: `M${left} ${middle}H${width - 8}`, class: "rule" }),
      ...(learned[k] ?? []).map((value) =>
        drawing("circle", {
          cx: left + 4 + ((width - left - 16) * (value - low)) / span,
          cy: middle,
          r: 3.5,
          fill: classColour(k, names.length),
          "fill-opacity": 0.7,
        }),
      ),
    );
  });
  return picture;
}

function label(name, left, middle) {
  const place = { x: left - 10, y: middle + 4, "text-anchor": "end", class: "label" };
  return drawing("text", place, shortened(name, left));
}

export function curve(points, width) {
  const height = 64;
  const words = `Return of the learned reward, steps ${points[0][0]} to ${points.at(-1)[0]}`;
  return drawing(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words },
    drawing("polyline", { points: places(points, width, height), class: "curve" }),
  );
}

// The learned reward of the clips that were rated, from the first to the last, with its axes named.
export function rewardCurve(points) {
  const [width, height] = [420, 84];
  const [from, to] = [points[0], points.at(-1)].map(([step]) => step.toLocaleString("en"));
  const picture = drawing(
    "svg",
    {
      viewBox: `0 0 ${width} ${height + 18}`,
      role: "img",
      "aria-label": `Learned reward of the clips you rated, steps ${from} to ${to}: ${trend(points)}`,
      "data-testid": "story-curve",
    },
    drawing("path", { d: `M0 ${height}H${width}`, class: "rule" }),
    drawing("polyline", { points: places(points, width, height), class: "curve" }),
    drawing("text", { x: 0, y: height + 15 }, `step ${from}`),
    drawing("text", { x: width, y: height + 15, "text-anchor": "end" }, to),
  );
  const title = element("figcaption", {}, `What the learned reward makes of your clips: ${trend(points)}`);
  return element("figure", { class: "curved" }, title, picture);
}

const mean = (some) => some.reduce((sum, [, value]) => sum + value, 0) / some.length;

// Whether the last third of a curve lies above the first, for who does not see it.
export function trend(points) {
  const third = Math.max(1, Math.floor(points.length / 3));
  const [early, late] = [mean(points.slice(0, third)), mean(points.slice(-third))];
  const values = points.map(([, value]) => value);
  const span = Math.max(...values) - Math.min(...values);
  if (Math.abs(late - early) < 0.1 * span || !span) return "early and late alike";
  return late > early ? "late ones are better" : "late ones are worse";
}

// Where the points [step, value] lie: steps fill the width, values the height but 4 pixels a side.
export function places(points, width, height) {
  const [from, to] = [points[0][0], points.at(-1)[0]];
  const low = Math.min(...points.map((p) => p[1]));
  const span = Math.max(...points.map((p) => p[1])) - low || 1;
  const at = ([step, value]) => {
    const x = (width * (step - from)) / (to - from);
    const y = height - 4 - ((height - 8) * (value - low)) / span;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  return points.map(at).join(" ");
}

export function shortened(name, room) {
  const letters = Math.floor(room / 7);
  return name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
}
