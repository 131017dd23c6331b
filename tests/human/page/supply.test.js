import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Hand } from "../../../gym_rated/human/page/hand.js";
import { Supply } from "../../../gym_rated/human/page/supply.js";
import { json, provide, query, serve, settle } from "./fakes.js";

const START = 1000000;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  provide("document", { hidden: false });
});

// A supply whose first clip comes into view at once, as on the page; `calls` is what it said.
function started({ answered = [], isAway = false, rater = "ann" } = {}) {
  const calls = [];
  const hand = new Hand(0);
  const parts = {
    hand,
    outbox: { answered: () => answered },
    settings: { rater },
    activity: { isAway: () => isAway },
  };
  const supply = new Supply(parts, {
    onArrived: (arrived) => {
      calls.push(`arrived ${arrived.id}`);
      if (!hand.view) hand.open(hand.queue.shift());
    },
    onReached: () => calls.push("reached"),
    onTrouble: (kind) => calls.push(kind),
    onEmpty: () => calls.push("empty"),
  });
  return { supply, hand, calls };
}

test("two clips are fetched ahead of the one in view, and none of them twice", async () => {
  const server = serve(json(query(1)), json(query(2)), json(query(3)));
  const { supply, hand, calls } = started({ answered: [8] });
  await supply.fill();
  assert.deepEqual(hand.ids, [1, 2, 3]);
  assert.deepEqual(calls, ["arrived 1", "arrived 2", "arrived 3", "reached"]);
  assert.deepEqual(server.paths, [
    "/api/next?exclude=8",
    "/api/next?exclude=1,8",
    "/api/next?exclude=1,2,8",
  ]);
});

test("a clip that came twice all the same is taken once", async () => {
  serve(json(query(1)), json(query(1)), json(query(2)), json(query(3)));
  const { supply, hand } = started();
  await supply.fill();
  assert.deepEqual(hand.ids, [1, 2, 3]);
});

test("where there is none, it says so and asks again after a second and a half", async () => {
  const server = serve(204, json(query(1)), 204);
  const { supply, hand, calls } = started();
  await supply.fill();
  assert.deepEqual(calls, ["reached", "empty"]);
  mock.timers.tick(1499);
  await settle();
  assert.equal(server.requests.length, 1);
  mock.timers.tick(1);
  await settle();
  assert.deepEqual(hand.ids, [1]);
});

test("asking in between puts off the next time", async () => {
  const server = serve(204);
  const { supply } = started();
  await supply.fill();
  mock.timers.tick(1000);
  await supply.fill();
  mock.timers.tick(1499);
  await settle();
  assert.equal(server.requests.length, 2);
  mock.timers.tick(1);
  await settle();
  assert.equal(server.requests.length, 3);
});

test("trouble is named, and it asks again", async () => {
  const server = serve(json({ detail: "Locked." }, 503), json(query(1)), 204);
  const { supply, hand, calls } = started();
  await supply.fill();
  assert.deepEqual(calls, ["busy", "empty"]);
  mock.timers.tick(1500);
  await settle();
  assert.deepEqual(hand.ids, [1]);
  assert.equal(server.requests.length, 3);
});

test("it asks once at a time, and not before it is known who rates", async () => {
  const server = serve(204);
  const { supply } = started();
  await Promise.all([supply.fill(), supply.fill()]);
  assert.equal(server.requests.length, 1);
  await started({ rater: "" }).supply.fill();
  assert.equal(server.requests.length, 1);
});

test("leases are renewed by asking for the last clip in hand", async () => {
  const server = serve(json(query(3)));
  const { supply, hand } = started();
  hand.open(query(1));
  hand.queue = [query(2), query(3)];
  await supply.renew();
  assert.deepEqual(server.paths, ["/api/next?exclude=1,2"]);
  assert.deepEqual(hand.ids, [1, 2, 3]);
});

test("who is away, looks elsewhere, or has nothing renews nothing", async () => {
  const server = serve(json(query(3)));
  const away = started({ isAway: true });
  away.hand.open(query(1));
  await away.supply.renew();
  await started().supply.renew();
  const hidden = started();
  hidden.hand.open(query(1));
  provide("document", { hidden: true });
  await hidden.supply.renew();
  assert.equal(server.requests.length, 0);
});

test("clips ahead that were held for too long are let go of, the one in view is not", async () => {
  serve(json(query(4)), json(query(5)), json(query(6)));
  const { supply, hand } = started();
  hand.open(query(1));
  hand.queue = [query(2), query(3)];
  mock.timers.setTime(START + 80000);
  supply.freshen();
  await settle();
  assert.deepEqual(hand.ids, [1, 2, 3]);
  mock.timers.setTime(START + 80001);
  supply.freshen();
  await settle();
  assert.deepEqual(hand.ids, [1, 4, 5]);
});

test("an answer of the server, even that there is no clip, renews what is held", async () => {
  serve(204);
  const { supply } = started();
  mock.timers.setTime(START + 90000);
  assert.equal(supply.isStale, true);
  assert.equal(await supply.ask([]), null);
  assert.equal(supply.isStale, false);
});

test("no more than a hundred clips are excluded", async () => {
  const server = serve(204);
  await started().supply.ask(Array.from({ length: 150 }, (_, k) => k));
  assert.equal(server.paths[0].split(",").length, 100);
});
