import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../../gym_rated/human/page/history.js";
import { query } from "./fakes.js";

const entry = (id, rating = 1) => ({
  query_id: id,
  clip: `clip${id}`,
  rating,
  saved: false,
  query: query(id),
});

function withAnswers(...ids) {
  const history = new History(null, null, null);
  for (const id of ids) history.add(entry(id), null);
  return history;
}

const ids = (history) => history.entries.map((e) => e.query_id);

test("the newest answer comes first", () => {
  const history = withAnswers(1, 2, 3);
  assert.deepEqual(ids(history), [3, 2, 1]);
  assert.equal(history.latest.query_id, 3);
  assert.equal(withAnswers().latest, null);
});

test("an answer given again stands once, as the newest", () => {
  assert.deepEqual(ids(withAnswers(1, 2, 3, 1)), [1, 3, 2]);
});

test("a corrected answer keeps its place", () => {
  const history = withAnswers(1, 2, 3);
  assert.equal(history.change(entry(2, 0)), true);
  assert.deepEqual(ids(history), [3, 2, 1]);
  assert.equal(history.find(2).rating, 0);
});

test("an answer that is not there cannot be corrected", () => {
  const history = withAnswers(1);
  assert.equal(history.change(entry(2)), false);
  assert.deepEqual(ids(history), [1]);
});

test("an undone answer is gone, and the one before it is the latest", () => {
  const history = withAnswers(1, 2);
  history.remove(2);
  assert.equal(history.latest.query_id, 1);
  assert.equal(history.find(2), null);
});

test("what the server knows replaces all, and is saved", () => {
  const history = withAnswers(1, 2);
  const rows = [
    { query_id: 2, clip: "clip2", rating: 0 },
    { query_id: 9, clip: "clip9", rating: -1 },
  ];
  history.replace(rows, (row) => ({ id: row.query_id, from: "server" }));
  assert.deepEqual(ids(history), [2, 9]);
  assert.deepEqual(history.entries.map((e) => [e.rating, e.saved]), [[0, true], [-1, true]]);
  assert.equal(history.find(2).query.id, 2);
  assert.equal(history.find(2).query.from, undefined); // this page knows its own query better
  assert.equal(history.find(9).query.from, "server");
});
