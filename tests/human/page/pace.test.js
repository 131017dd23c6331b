import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace, SPEEDS, usualSpeed } from "../../../gym_rated/human/page/pace.js";
import { query } from "./fakes.js";

const at = (fps, frames = 50) => ({ fps, frames });

test("a short clip is slowed until it lasts a second and a half, and not further", () => {
  assert.equal(usualSpeed(10 / 50), 1 / 8); // ten steps of CartPole
  assert.equal(usualSpeed(10 / 30), 1 / 6);
  assert.equal(usualSpeed(0.5), 1 / 3);
  assert.equal(usualSpeed(0.75), 1 / 2);
  assert.equal(usualSpeed(0.76), 1 / 2);
  assert.equal(usualSpeed(1), 2 / 3);
  assert.equal(usualSpeed(1.49), 2 / 3);
});

for (const fps of [15, 20, 24, 29.97, 30, 50, 60, 125]) {
  test(`at ${fps} frames a second no speed below 1 could be faster`, () => {
    for (let frames = 1; frames < 400; frames++) {
      const seconds = frames / fps;
      const speed = usualSpeed(seconds);
      const next = SPEEDS[SPEEDS.indexOf(speed) + 1];
      if (speed > SPEEDS[0]) assert.ok(seconds / speed > 1.4999, `${frames} at ${speed}`);
      if (speed < 1) assert.ok(seconds / next < 1.5, `${frames} at ${speed}`);
    }
  });
}

test("long clips play as fast as they are, and nothing slower than an eighth", () => {
  assert.equal(usualSpeed(1.5), 1);
  assert.equal(usualSpeed(100), 1);
  assert.equal(usualSpeed(0.01), 1 / 8);
});

test("clips of all lengths of a run play at the speed of its shortest segments", () => {
  const pace = new Pace();
  for (const frames of [10, 25, 50, 3]) {
    pace.turnTo(query(1, { segment_length: 10 }), at(20, frames));
    assert.equal(pace.speed, 1 / 3);
  }
});

test("where a run does not say how long its segments are, clips are not slowed", () => {
  const pace = new Pace();
  assert.equal(pace.speed, 1);
  for (const unknown of [null, undefined]) {
    pace.turnTo(query(1, { segment_length: unknown }), at(20, 10));
    assert.equal(pace.speed, 1);
  }
});

test("keys go one step from the speed there is, and no further than the ends", () => {
  const pace = new Pace();
  pace.turnTo(query(1, { segment_length: 10 }), at(20));
  const seen = [];
  for (const by of [1, 1, 1, 1, 1, 1]) {
    pace.change(by);
    seen.push(pace.speed);
  }
  assert.deepEqual(seen, [1 / 2, 2 / 3, 1, 2, 4, 4]);
  for (let k = 0; k < 10; k++) pace.change(-1);
  assert.equal(pace.speed, 1 / 8);
});

test("what a rater chose holds for the following clips of the run, not for another run", () => {
  const pace = new Pace();
  const [short, long] = [
    query(1, { run_id: "short", segment_length: 10 }),
    query(2, { run_id: "long", segment_length: 50 }),
  ];
  pace.turnTo(short, at(20));
  pace.change(1);
  pace.turnTo(long, at(20));
  assert.equal(pace.speed, 1);
  pace.change(1);
  pace.turnTo({ ...short, id: 3 }, at(20));
  assert.equal(pace.speed, 1 / 2);
  pace.turnTo({ ...long, id: 4 }, at(20));
  assert.equal(pace.speed, 2);
});
