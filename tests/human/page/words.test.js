import assert from "node:assert/strict";
import { test } from "node:test";
import { places, shortened } from "../../../gym_rated/human/page/charts.js";
import { counted, newId } from "../../../gym_rated/human/page/dom.js";
import { isElsewhere, waitUntilNext } from "../../../gym_rated/human/page/news.js";
import { SPEEDS } from "../../../gym_rated/human/page/pace.js";
import { Panel } from "../../../gym_rated/human/page/panel.js";
import { timeAfter } from "../../../gym_rated/human/page/player.js";
import { durationWords, progressWords, speedWord } from "../../../gym_rated/human/page/progress.js";
import {
  agreement,
  contradictions,
  endingWords,
  own,
  training,
} from "../../../gym_rated/human/page/words.js";

const trainer = (more = {}) => ({ step: 12345, seen_s_ago: 3, learned_return: null, ...more });

test("one is counted in the singular", () => {
  assert.equal(counted(1, "clip", "clips"), "1 clip");
  assert.equal(counted(0, "clip", "clips"), "0 clips");
});

test("a rater's own numbers name the speed once it is known", () => {
  const mine = { rated: 1, skipped: 2, per_minute: null };
  assert.equal(own({ mine }), "1 rating · 2 can’t tell");
  const slow = own({ mine: { ...mine, per_minute: 9.94 } });
  assert.equal(slow, "1 rating · 2 can’t tell · 9.9 a minute");
  const fast = own({ mine: { ...mine, per_minute: 12.4 } });
  assert.equal(fast, "1 rating · 2 can’t tell · 12 a minute");
});

test("agreement is judged from twenty clips on, and with a range where there is one", () => {
  assert.equal(agreement(null), "A few clips come twice. None of yours has yet.");
  const found = { num: 19, exact: 12, within_one: 18, kappa: 0.5, low: 0.25, high: 0.75 };
  const few = "12 of 19 got the same rating, 18 within one class.";
  assert.equal(agreement(found), `${few} Fewer than 20 are too few to judge by.`);
  const enough = "12 of 20 got the same rating, 18 within one class.";
  assert.equal(agreement({ ...found, num: 20 }), `${enough} Weighted kappa 0.50 (0.25 to 0.75).`);
  assert.equal(agreement({ ...found, num: 20, kappa: null }), enough);
});

test("contradictions are a share of one's own ratings, and the reward's view of them", () => {
  const rest = "of your ratings contradict the rest. The learned reward says so;";
  assert.ok(contradictions({ num: 1, among: 5, fewer: false }).startsWith(`About 1 in 5 ${rest}`));
  const few = contradictions({ num: 1, among: 20, fewer: true });
  assert.ok(few.startsWith(`Fewer than 1 in 20 ${rest}`));
});

test("the end says what ended, that all is saved, and whether the page may be closed", () => {
  const answered = endingWords("answered", false, 0);
  assert.equal(answered.headline, "All clips are rated");
  assert.match(answered.detail, /all is saved\. The training goes on with them\. You can close/);
  assert.match(endingWords("answered", true, 0).detail, /The server has ended, or cannot be reached/);
  const finished = endingWords("finished", true, 0);
  assert.equal(finished.headline, "The training is finished");
  assert.equal(finished.detail, "All your ratings are saved. You can close this page.");
  const stopped = endingWords("stopped", true, 0);
  assert.equal(stopped.headline, "The server was stopped");
  assert.match(stopped.detail, /saved\. It prints a new link if it is started again\./);
  for (const end of ["answered", "finished", "stopped"]) {
    const kept = "2 ratings are kept in this browser, and sent once the server is back.";
    assert.equal(endingWords(end, true, 2).detail, kept);
  }
});

test("the panel's words on the training leave out what there is not", () => {
  assert.equal(training({ trainer: null }), "No training has been seen.");
  const seen = trainer({ seen_s_ago: 150, learned_return: 1.23456 });
  assert.equal(
    training({ trainer: seen, rendering: 2, dropped: 1, problem: "Slow." }),
    "Step 12,345, last seen 3 minutes ago. Return of the learned reward: 1.23. " +
      "2 clips are being rendered. 1 segment could not be rendered. Slow.",
  );
});

test("progress counts this session where no one knows how many are asked for", () => {
  const none = { goal: " this session", hint: "", bar: null, title: "Rate clips" };
  assert.deepEqual(progressWords(null, 0), { ...none, done: "0", more: "0 total" });
  const open = progressWords({ remaining: 7, total: 1234, waiting: 2, planned: null }, 3, 1);
  assert.deepEqual(open, { ...none, done: "3", more: "1,234 total", title: "(2) Rate clips" });
});

test("progress is of all that the run asks for, whoever answered, and this total never moves", () => {
  const said = { remaining: 1400, total: 90, waiting: 2, planned: 1500 };
  assert.deepEqual(progressWords(said, 3, 2), {
    done: "102",
    goal: " of 1,500 clips",
    more: "3 this session",
    hint: "1,398 more are asked for",
    bar: { done: 102, of: 1500 },
    title: "(2) Rate clips",
  });
  assert.deepEqual(progressWords({ ...said, remaining: 0 }, 3, 2).bar, { done: 1500, of: 1500 });
});

test("speeds below one are fractions", () => {
  const words = ["⅛×", "⅙×", "¼×", "⅓×", "½×", "⅔×", "1×", "2×", "4×"];
  assert.deepEqual(SPEEDS.map(speedWord), words);
});

test("a duration says how long the clip is on the screen, where that is another", () => {
  assert.equal(durationWords(2.5, 1), "2.5 s");
  assert.equal(durationWords(0.5, 1 / 3), "0.5 s, shown in 1.5 s");
  assert.equal(durationWords(2.5, 2), "2.5 s, shown in 1.3 s");
  assert.equal(durationWords(undefined, 1), "");
});

const near = (value, expected) => assert.ok(Math.abs(value - expected) < 1e-9, `${value}`);

test("a step goes to the middle of a frame, and around at either end", () => {
  const clip = { frames: 50, fps: 20 };
  near(timeAfter(0.475, 1, clip), 10.5 / 20); // 0.475 s is the middle of frame 9
  near(timeAfter(0.475, -1, clip), 8.5 / 20);
  near(timeAfter(0.025, -1, clip), 49.5 / 20);
  near(timeAfter(2.475, 1, clip), 0.5 / 20);
});

test("where a turn has ended, a step goes on from the last frame, which is still there", () => {
  const clip = { frames: 50, fps: 20 };
  near(timeAfter(2.5, 1, clip), 0.5 / 20);
  near(timeAfter(2.5, -1, clip), 48.5 / 20);
  near(timeAfter(1, 1, { frames: 1, fps: 1 }), 0.5);
});

test("a curve fills its picture, and a flat one lies at the bottom", () => {
  const points = [[0, -1], [50, 0], [200, 1]];
  assert.equal(places(points, 400, 64), "0.0,60.0 100.0,32.0 400.0,4.0");
  assert.equal(places([[0, 5], [10, 5]], 400, 64), "0.0,60.0 400.0,60.0");
});

test("a name that does not fit is cut", () => {
  assert.equal(shortened("excellent", 63), "excellent");
  assert.equal(shortened("excellent", 62), "excelle…");
});

test("the panel remembers each step of the training once, and two hundred of them", () => {
  const panel = new Panel(null, null);
  panel.remember(null);
  panel.remember(trainer());
  panel.remember(trainer({ step: 10, learned_return: 1 }));
  panel.remember(trainer({ step: 10, learned_return: 2 }));
  assert.deepEqual(panel.returns, [[10, 1]]);
  for (let step = 11; step < 300; step++) panel.remember(trainer({ step, learned_return: 0 }));
  assert.deepEqual([panel.returns.length, panel.returns[0][0]], [200, 100]);
});

test("another rater or database is elsewhere, a first answer is not", () => {
  const here = { rater: "ann", database: "d1" };
  assert.equal(isElsewhere(null, here), false);
  assert.equal(isElsewhere(here, { ...here, total: 5 }), false);
  assert.equal(isElsewhere(here, { ...here, rater: "bob" }), true);
  assert.equal(isElsewhere(here, { ...here, database: "d2" }), true);
});

test("a hidden tab asks seldom, one that knows no rater yet often", () => {
  assert.deepEqual(
    [waitUntilNext(false, false), waitUntilNext(false, true), waitUntilNext(true, true)],
    [1500, 5000, 15000],
  );
});

test("names of deeds are long and never the same", () => {
  const names = new Set(Array.from({ length: 100 }, newId));
  assert.equal(names.size, 100);
  for (const name of names) assert.match(name, /^[0-9a-f]{32}$/);
});
