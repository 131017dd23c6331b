import assert from "node:assert/strict";
import { test } from "node:test";
import { chosen } from "../../../gym_rated/human/page/examples.js";

const rounds = [
  { round: 4, clips: ["a", null] },
  { round: 3, clips: ["b", "c"] },
];

test("examples are of the round of the clip in view, and none where it has none", () => {
  assert.equal(chosen(rounds, 3).clips[1], "c");
  assert.equal(chosen(rounds, 5), null);
  assert.equal(chosen([], 3), null);
  assert.equal(chosen(undefined, 3), null);
});

test("where the round in view is not known, examples are of the latest", () => {
  assert.equal(chosen(rounds).round, 4);
  assert.equal(chosen(rounds, null).round, 4);
});
