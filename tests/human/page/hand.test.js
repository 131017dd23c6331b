import assert from "node:assert/strict";
import { test } from "node:test";
import { deedOf, Hand, isNews, keyOf } from "../../../gym_rated/human/page/hand.js";
import { query } from "./fakes.js";

test("in hand are the clip in view, the one set aside and those to come", () => {
  const hand = new Hand(0);
  assert.deepEqual(hand.ids, []);
  hand.open(query(1));
  hand.queue = [query(3)];
  hand.setAside = query(2);
  assert.deepEqual(hand.ids, [1, 2, 3]);
});

test("an answer that is corrected is not held", () => {
  const hand = new Hand(0);
  hand.open(query(1), { rating: 2 });
  assert.deepEqual(hand.ids, []);
  assert.equal(hand.view.rating, 2);
});

test("a correction sets the clip in view aside, and leaving it brings that back first", () => {
  const hand = new Hand(0);
  hand.open(query(5));
  hand.queue = [query(6)];
  hand.interrupt();
  hand.open(query(1), { rating: 0 });
  assert.deepEqual(hand.ids, [5, 6]);
  assert.equal(hand.leaveCorrection(), true);
  assert.equal(hand.view, null);
  assert.deepEqual(hand.queue.map((q) => q.id), [5, 6]);
});

test("a correction that interrupts another keeps what the first one set aside", () => {
  const hand = new Hand(0);
  hand.open(query(5));
  hand.interrupt();
  hand.open(query(1), { rating: 0 });
  hand.interrupt();
  hand.open(query(2), { rating: 1 });
  hand.leaveCorrection();
  assert.deepEqual(hand.ids, [5]);
});

test("without a correction there is none to leave", () => {
  const hand = new Hand(0);
  assert.equal(hand.leaveCorrection(), false);
  const view = hand.open(query(1));
  assert.equal(hand.leaveCorrection(), false);
  assert.equal(hand.view, view);
});

test("an undo puts the clip in view back in front, unless it has its answer", () => {
  const hand = new Hand(0);
  hand.queue = [query(9)];
  hand.open(query(4));
  hand.putBack();
  assert.deepEqual(hand.queue.map((q) => q.id), [4, 9]);
  hand.open(query(5)).isDone = true;
  hand.putBack();
  assert.deepEqual(hand.queue.map((q) => q.id), [4, 9]);
});

test("an empty hand remembers since when", () => {
  const hand = new Hand(100);
  hand.open(query(1));
  hand.empty(700);
  assert.deepEqual([hand.view, hand.idleSince], [null, 700]);
});

test("only a class of the clip in view may be chosen, and only once", () => {
  const hand = new Hand(0);
  assert.equal(hand.mayRate(0), false);
  const view = hand.open(query(1));
  assert.deepEqual([-1, 0, 2, 3].map((k) => hand.mayRate(k)), [false, true, true, false]);
  view.isDone = true;
  assert.equal(hand.mayRate(0), false);
});

const corrected = (rating) => new Hand(0).open(query(1), { rating });

test("a correction to the same answer is no news, everything else is", () => {
  assert.equal(isNews(corrected(2), 2), false);
  assert.equal(isNews(corrected(2), 1), true);
  assert.equal(isNews(corrected(2), null), true);
  assert.equal(isNews(corrected(-1), null), false);
  assert.equal(isNews(new Hand(0).open(query(1)), 2), true);
});

test("a deed says how long the clip was seen, at most a day", () => {
  const view = new Hand(0).open(query(7));
  const rated = { query_id: 7, kind: "rate", rating: 0 };
  assert.deepEqual(deedOf(view, 0, 500), { ...rated, shown_ms: 0 }); // not seen at all
  view.readyAt = 1000;
  assert.deepEqual(deedOf(view, 0, 2500.4), { ...rated, shown_ms: 1500 });
  assert.deepEqual(deedOf(view, 0, 1e9), { ...rated, shown_ms: 24 * 60 * 60 * 1000 });
  assert.deepEqual(deedOf(view, null, 1100), { query_id: 7, kind: "skip", shown_ms: 100 });
});

test("a clip that was made anew is another view of the same query", () => {
  assert.equal(keyOf(query(3)), "3/clip3");
  assert.notEqual(keyOf(query(3)), keyOf(query(3, { clip: "new" })));
});

test("what is dismissed is gone: in view, set aside and to come", () => {
  const hand = new Hand(0);
  hand.queue = [query(2), query(3)];
  hand.open(query(1));
  hand.interrupt();
  hand.open(query(0), { rating: 1 });
  hand.dismiss(7);
  assert.deepEqual([hand.ids, hand.view, hand.idleSince], [[], null, 7]);
  assert.equal(hand.leaveCorrection(), false);
});
