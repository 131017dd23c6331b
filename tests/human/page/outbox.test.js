import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Outbox } from "../../../gym_rated/human/page/outbox.js";
import { FakeStorage, json, provide, serve, settle } from "./fakes.js";

provide("addEventListener", () => {});

const rated = (id, rating = 1) => ({ query_id: id, kind: "rate", rating });
const undone = (id) => ({ query_id: id, kind: "undo" });

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1000000 });
  provide("localStorage", new FakeStorage());
});

// An outbox of ann at one database, and what it called back.
function opened({ rater = "ann", database = "d1" } = {}) {
  const calls = [];
  const outbox = new Outbox({
    onSaved: (event) => calls.push(["saved", event.query_id]),
    onRefused: (event, sentence) => calls.push(["refused", event.query_id, sentence]),
    onTrouble: (kind) => calls.push(["trouble", kind]),
  });
  outbox.open(rater, database);
  return { outbox, calls };
}

test("answers are sent one after another, in the order they were given", async () => {
  const server = serve(json({}));
  const { outbox, calls } = opened();
  for (const id of [3, 1, 2]) outbox.add(rated(id));
  assert.equal(server.requests.length, 1); // the second waits for the first
  await settle();
  assert.deepEqual(server.bodies.map((event) => event.query_id), [3, 1, 2]);
  assert.deepEqual(calls.slice(-4), [["saved", 3], ["saved", 1], ["saved", 2], ["trouble", null]]);
  assert.equal(outbox.size, 0);
});

test("the order holds when the clock is set back, and within one millisecond", async () => {
  serve(null);
  const { outbox } = opened();
  outbox.add(rated(1));
  outbox.add(rated(2));
  mock.timers.setTime(500);
  outbox.add(rated(3));
  const later = opened().outbox; // after a reload, with the clock still behind
  later.add(rated(4));
  assert.deepEqual(later.entries().map(([, { event }]) => event.query_id), [1, 2, 3, 4]);
  await settle();
});

test("each answer has a name of its own, and keeps it when it is sent again", async () => {
  const server = serve(503, json({}));
  const { outbox } = opened();
  const name = outbox.add(rated(1));
  assert.match(name, /^[0-9a-f]{32}$/);
  await settle();
  mock.timers.tick(500);
  await settle();
  assert.deepEqual(server.bodies.map((event) => event.client_id), [name, name]);
  assert.notEqual(outbox.add(rated(1)), name);
});

test("what was not sent before a reload is sent after it", async () => {
  serve(null);
  const before = opened();
  before.outbox.add(rated(7));
  await settle();
  const server = serve(json({}));
  const { outbox, calls } = opened();
  await settle();
  assert.deepEqual(server.bodies.map((event) => event.query_id), [7]);
  assert.deepEqual(calls, [["saved", 7], ["trouble", null]]);
  assert.equal(outbox.size, 0);
});

test("answers of another rater or database stay where they are", async () => {
  serve(null);
  opened({ rater: "bob" }).outbox.add(rated(1));
  opened({ database: "d2" }).outbox.add(rated(2));
  await settle();
  const server = serve(json({}));
  const { outbox } = opened();
  assert.equal(outbox.size, 0);
  outbox.add(rated(3));
  await settle();
  assert.deepEqual(server.bodies.map((event) => event.query_id), [3]);
  assert.equal(localStorage.length, 2);
});

test("where the browser's storage is full, answers are kept in memory", async () => {
  provide("localStorage", new FakeStorage({ isFull: true }));
  const server = serve(null, json({}));
  const { outbox } = opened();
  outbox.add(rated(1));
  await settle();
  assert.equal(outbox.size, 1);
  mock.timers.tick(500);
  await settle();
  assert.deepEqual([outbox.size, server.requests.length], [0, 2]);
});

test("an entry that nobody can read is left out", () => {
  serve(json({}));
  localStorage.setItem("gym_rated/outbox/000000000000001/x", "{broken");
  assert.equal(opened().outbox.size, 0);
});

const TROUBLES = [
  [null, "offline"],
  [400, "offline"], // another server, or something in between, has the address
  [401, "stranger"],
  [403, "offline"], // another rater has signed in: it is sent when this one has again
  [404, "offline"],
  [405, "offline"],
  [408, "offline"],
  [413, "offline"],
  [415, "offline"],
  [429, "offline"],
  [431, "offline"],
  [500, "busy"],
  [503, "busy"],
  [507, "full"],
];
for (const status of [409, 422]) {
  test(`status ${status} is about the answer, which is given up`, async () => {
    serve(json({ detail: "No." }, status));
    const { outbox, calls } = opened();
    outbox.add(rated(1));
    await settle();
    assert.deepEqual(calls.at(-2), ["refused", 1, "No."]);
    assert.equal(outbox.size, 0);
  });
}

for (const [status, kind] of TROUBLES) {
  test(`status ${status} is the trouble ${kind}, and the answer is kept`, async () => {
    serve(status);
    const { outbox, calls } = opened();
    outbox.add(rated(1));
    await settle();
    assert.deepEqual(calls.at(-1), ["trouble", kind]);
    assert.equal(outbox.size, 1);
  });
}

test("a refused answer is given up, with the server's sentence, and the next is sent", async () => {
  serve(json({ detail: "No such clip." }, 409), json({}));
  const { outbox, calls } = opened();
  outbox.add(rated(1));
  outbox.add(rated(2));
  await settle();
  assert.deepEqual(calls.slice(-3), [
    ["refused", 1, "No such clip."],
    ["saved", 2],
    ["trouble", null],
  ]);
  assert.equal(outbox.size, 0);
});

test("it waits half a second, twice as long each time, and no more than five", async () => {
  const server = serve(null);
  const { outbox } = opened();
  outbox.add(rated(1));
  await settle();
  for (const [k, wait] of [500, 1000, 2000, 4000, 5000, 5000].entries()) {
    mock.timers.tick(wait - 1);
    await settle();
    assert.equal(server.requests.length, k + 1, `${wait} ms are not over`);
    mock.timers.tick(1);
    await settle();
    assert.equal(server.requests.length, k + 2, `${wait} ms are over`);
  }
});

test("a clip has an answer on the way unless its last deed is an undo", async () => {
  serve(null);
  const { outbox } = opened();
  for (const deed of [rated(1), rated(2), undone(1), undone(2), rated(2, 0)]) outbox.add(deed);
  assert.deepEqual(outbox.answered(), [2]);
  await settle();
});

test("nothing is sent before it is known who rates", async () => {
  const server = serve(json({}));
  const outbox = new Outbox({});
  outbox.send();
  await settle();
  assert.equal(server.requests.length, 0);
});

test("the name of a rater may hold any letter", async () => {
  const server = serve(json({}));
  opened({ rater: "Zoë ✓" }).outbox.add(rated(1));
  await settle();
  assert.equal(server.requests[0].headers["x-rater"], "Zo%C3%AB%20%E2%9C%93");
});
