import assert from "node:assert/strict";
import { test } from "node:test";
import { trend } from "../../../gym_rated/human/page/charts.js";
import {
  leftWords,
  remainingSeconds,
  waitingWords,
} from "../../../gym_rated/human/page/outlook.js";

const trainer = (more = {}) => ({ step: 12345, seen_s_ago: 3, learned_return: null, ...more });
const outlook = (what, more = {}) => ({ what, left_s: null, num: 0, until: null, ...more });
const waits = (what, more = {}) =>
  waitingWords({ run: {}, trainer: trainer(), problem: "", outlook: outlook(what, more) });

test("one who waits hears what goes on", () => {
  assert.equal(waitingWords({ run: null }).headline, "Waiting for a run");
  assert.deepEqual(waits("drawing", { num: 1 }), {
    headline: "Drawing your next clips",
    detail: "1 clip to come.",
  });
  assert.match(waits("others", { num: 2 }).detail, /^2 clips are open with other raters\./);
  assert.equal(waits("learning").headline, "Learning from your ratings");
  assert.equal(waits("training").detail, "It is at step 12,345.");
  const later = waits("training", { until: 20000 }).detail;
  assert.equal(later, "It is at step 12,345. It asks you again at step 20,000.");
  assert.equal(waits("finishing", { until: 20000 }).detail, "It is at step 12,345.");
  const nobody = waitingWords({ run: {}, trainer: null, outlook: outlook("nothing") });
  assert.match(nobody.detail, /^None has been seen yet\./);
});

test("a training of which nothing is heard is said to be silent, and a problem is said too", () => {
  const said = { run: {}, trainer: trainer({ seen_s_ago: 180 }), outlook: outlook("silent") };
  assert.match(waitingWords(said).detail, /^It was at step 12,345, 3 minutes ago\./);
  const broken = { ...said, problem: "No OpenGL.", outlook: outlook("drawing", { num: 3 }) };
  assert.equal(waitingWords(broken).detail, "3 clips to come. No OpenGL.");
});

test("what is left is counted down, and never promised to the second", () => {
  assert.equal(remainingSeconds(null, 0), null);
  assert.equal(remainingSeconds(outlook("training"), 0), null);
  assert.equal(remainingSeconds(outlook("training", { left_s: 30 }), 12000), 18);
  const words = [-5, 1.4, 7.2, 18, 89, 300, 7200].map(leftWords);
  const about = ["8 s", "20 s", "90 s", "5 min", "2.0 h"].map((time) => `About ${time} left`);
  assert.deepEqual(words, ["Any moment now", "Any moment now", ...about]);
});

const at = (...values) => values.map((value, k) => [k, value]);

test("a curve says in words whether it rises", () => {
  assert.equal(trend(at(0, 0, 0, 1, 1, 1)), "late ones are better");
  assert.equal(trend(at(1, 1, 1, 0, 0, 0)), "late ones are worse");
  assert.equal(trend(at(0, 1, 0, 0, 1, 0)), "early and late alike");
  assert.equal(trend(at(2, 2, 2)), "early and late alike");
});
