import assert from "node:assert/strict";
import { test } from "node:test";
import { markOf } from "../../../gym_rated/human/page/guidelines.js";

const said = (changes = {}) => ({
  rater: "ann",
  database: "d1",
  run: {
    id: "r1",
    instructions: "How well?",
    class_names: ["bad", "good"],
    class_texts: ["It falls.", "It stands."],
    ...changes,
  },
});

test("what was read is kept for each rater, database and run", () => {
  const keys = [said(), { ...said(), rater: "bob" }, { ...said(), database: "d2" }, said({ id: "r2" })];
  assert.equal(new Set(keys.map((one) => markOf(one)[0])).size, 4);
  assert.notEqual(markOf({ ...said(), rater: "a/b" })[0], markOf({ ...said({ id: "r1/a" }), rater: "b" })[0]);
});

test("other words are to be read again", () => {
  const before = markOf(said());
  assert.deepEqual(markOf(said({ segment_length: 5 })), before);
  const after = markOf(said({ class_texts: ["It falls.", "It runs."] }));
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
});
