import assert from "node:assert/strict";
import { test } from "node:test";
import { Activity } from "../../../gym_rated/human/page/activity.js";

const MINUTE = 60000;

test("who touched nothing for more than ten minutes is away", () => {
  const activity = new Activity(0);
  assert.equal(activity.isAway(10 * MINUTE), false);
  assert.equal(activity.isAway(10 * MINUTE + 1), true);
  activity.touch(11 * MINUTE);
  assert.equal(activity.isAway(12 * MINUTE), false);
});

test("a break is due after twenty minutes, and is said once", () => {
  const activity = new Activity(0);
  assert.equal(activity.isBreakDue(20 * MINUTE - 1), false);
  assert.equal(activity.isBreakDue(20 * MINUTE), true);
  assert.equal(activity.isBreakDue(40 * MINUTE), false);
});

test("a pause of more than five minutes was a break already", () => {
  const activity = new Activity(0);
  activity.touch(15 * MINUTE);
  assert.equal(activity.isBreakDue(34 * MINUTE), false);
  const busy = new Activity(0);
  for (const minute of [5, 10, 15]) busy.touch(minute * MINUTE);
  assert.equal(busy.isBreakDue(20 * MINUTE), true);
});
