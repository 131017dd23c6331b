// Which steps are marked to be rated, which of them were seen, and where rewards are drawn.

import assert from "node:assert/strict";
import { test } from "node:test";

import { scaleOf } from "../../../gym_rated/human/page/watch/curve.js";
import { Seen, segmentAround } from "../../../gym_rated/human/page/watch/marking.js";

test("the marked steps lie around the cursor, and within the episode", () => {
  assert.deepEqual(segmentAround(50, 10, 100), [45, 55]);
  assert.deepEqual(segmentAround(2, 10, 100), [0, 10]);
  assert.deepEqual(segmentAround(99, 10, 100), [90, 100]);
  assert.deepEqual(segmentAround(3, 10, 4), [0, 4]);
});

test("within a rated segment that one is marked, so that it can be changed", () => {
  const rated = [{ first_step: 40 }];
  assert.deepEqual(segmentAround(40, 10, 100, rated), [40, 50]);
  assert.deepEqual(segmentAround(49, 10, 100, rated), [40, 50]);
  assert.deepEqual(segmentAround(50, 10, 100, rated), [45, 55]);
});

test("half of the marked steps must have been on the screen", () => {
  const seen = new Seen(20);
  seen.show(10, 0);
  assert.equal(seen.isEnough([8, 12]), false);
  seen.show(11, 20);
  assert.equal(seen.isEnough([8, 12]), true);
});

test("steps that a slow screen leaves out were seen, those that are jumped over were not", () => {
  const seen = new Seen(100);
  seen.show(0, 0);
  seen.show(4, 80);
  assert.equal(seen.isEnough([0, 5]), true);
  seen.show(90, 100);
  assert.equal(seen.isEnough([40, 50]), false);
  seen.show(88, 120);
  assert.equal(seen.isEnough([86, 90]), false); // 88 alone
});

test("for how long the marked steps were seen ends when the page is hidden", () => {
  const seen = new Seen(10);
  seen.show(3, 0);
  seen.show(4, 100);
  assert.equal(seen.forMs([3, 5], 150), 150);
  seen.show(null, 200);
  assert.equal(seen.forMs([3, 5], 900), 200);
  assert.equal(seen.forMs([5, 8], 900), 0);
});

test("rewards fill the height of the curve; one that never changes lies midway", () => {
  const y = scaleOf([-1, 0, 3]);
  assert.equal(y(3), 8);
  assert.equal(y(-1), 85);
  assert.equal(y(0), 85 - 77 / 4);
  assert.equal(scaleOf([1, 1])(1), 50);
});
