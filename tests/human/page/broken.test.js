import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { causeOf, remade } from "../../../gym_rated/human/page/broken.js";
import { Damaged } from "../../../gym_rated/human/page/clips.js";
import { Hand } from "../../../gym_rated/human/page/hand.js";
import { query, serve, settle } from "./fakes.js";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("a clip that the server does not have is damaged", () => {
  assert.equal(causeOf(new Damaged(), false), "damaged");
});

test("a clip that did not arrive is no fault of the clip", () => {
  assert.equal(causeOf(new TypeError("fetch failed"), false), "unreached");
  assert.equal(causeOf(new Error("the server answered 503"), true), "unreached");
  assert.equal(causeOf(Object.assign(new Error("Locked."), { status: 503 }), false), "unreached");
});

test("a video that cannot be played may lack a codec, a picture that cannot is damaged", () => {
  const error = new Error("the browser cannot play it");
  assert.equal(causeOf(error, false), "codec");
  assert.equal(causeOf(error, true), "damaged");
});

// A hand with a broken clip, and a supply that gives these queries in turn.
function holding(...answers) {
  const hand = new Hand(0);
  const view = hand.open(query(1));
  hand.queue = [query(2)];
  const excluded = [];
  const ask = (ids) => {
    excluded.push(ids);
    const next = answers.shift();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  return { hand, view, excluded, supply: { ask } };
}

async function pass(milliseconds) {
  await settle();
  mock.timers.tick(milliseconds);
  await settle();
}

test("it looks until the clip is another one, whatever comes between", async () => {
  const server = serve(204);
  const anew = query(1, { clip: "anew" });
  const parts = holding(query(1), null, new Error("offline"), query(3), anew);
  let found;
  const waiting = remade(parts, parts.view).then((again) => (found = again));
  await pass(1500);
  for (let k = 0; k < 3; k++) await pass(3000);
  assert.equal(found, undefined);
  await pass(3000);
  assert.equal(await waiting, anew);
  assert.deepEqual(server.bodies, [{ query_id: 1 }]);
  assert.deepEqual(parts.excluded[0], [2]); // only what is to come: this clip itself is asked for
});

test("it stops looking when the rater went on", async () => {
  serve(204);
  const parts = holding();
  const waiting = remade(parts, parts.view);
  parts.hand.open(query(2));
  await pass(1500);
  assert.equal(await waiting, null);
  assert.deepEqual(parts.excluded, []);
});

test("where the server cannot be told, nothing is waited for", async () => {
  serve(null);
  const parts = holding();
  assert.equal(await remade(parts, parts.view), null);
});
