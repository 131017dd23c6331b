import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Outbox } from "../../../gym_rated/human/page/outbox.js";
import { asLine, Remarks } from "../../../gym_rated/human/page/remarks.js";
import { FakeStorage, json, provide, serve, settle } from "./fakes.js";

// Remarks whose outbox notes what it is given, and has these queries on the way.
function opened(ahead = []) {
  const sent = [];
  const remarks = new Remarks({ add: (event) => sent.push(event), remarked: () => ahead });
  return { remarks, sent };
}

test("a flag keeps the comment, and a comment the flag", () => {
  const { remarks, sent } = opened();
  assert.equal(remarks.change(7, { flagged: true }), true);
  remarks.change(7, { comment: "black" });
  remarks.change(7, { flagged: false });
  const kind = "remark";
  assert.deepEqual(sent, [
    { query_id: 7, kind, flagged: true, comment: "" },
    { query_id: 7, kind, flagged: true, comment: "black" },
    { query_id: 7, kind, flagged: false, comment: "black" },
  ]);
});

test("to say the same again is no news", () => {
  const { remarks, sent } = opened();
  assert.equal(remarks.change(7, { comment: "" }), false);
  assert.deepEqual(sent, []);
});

test("what the server lists counts, but for what is on its way", () => {
  const { remarks } = opened([2]);
  remarks.change(2, { flagged: true });
  remarks.replace([
    { query_id: 1, clip: "a", rating: 3, flagged: false, comment: "short" },
    { query_id: 2, clip: "b", rating: null, flagged: false, comment: "" },
    { query_id: 3, clip: "c", rating: 0, flagged: false, comment: "" },
  ]);
  assert.deepEqual(remarks.of(1), { flagged: false, comment: "short" });
  assert.deepEqual(remarks.of(2), { flagged: true, comment: "" });
  assert.deepEqual(
    remarks.standing.map(({ query_id: id, rating }) => [id, rating]),
    [
      [1, 3],
      [2, null],
    ],
  );
});

test("a clip that is handed out brings its remark along, an older one than this page has", () => {
  const { remarks } = opened();
  remarks.learn({ id: 1, flagged: true, comment: "black" });
  assert.deepEqual(remarks.of(1), { flagged: true, comment: "black" });
  remarks.change(1, { flagged: false });
  remarks.learn({ id: 1, flagged: true, comment: "black" });
  assert.equal(remarks.of(1).flagged, false);
  remarks.forget(1);
  assert.equal(remarks.of(1).flagged, false);
  assert.equal(remarks.of(1).comment, "");
});

test("a comment is one line, no longer than the server takes", () => {
  assert.equal(asLine("  two\nlines\tand \u2028 more ", 300), "two lines and   more");
  assert.equal(asLine("\uD83D\uDE00".repeat(5), 3), "\uD83D\uDE00".repeat(3));
  assert.equal(asLine("half a letter \uD83D", 300), "half a letter");
  assert.equal(asLine("abc d", 4), "abc");
});

test("a flag or a comment goes to its own address, in its turn, and is no answer", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  provide("localStorage", new FakeStorage());
  provide("addEventListener", () => {});
  const server = serve(null, json({}));
  const saved = [];
  const outbox = new Outbox({ onSaved: (event) => saved.push(event.query_id), onTrouble: () => {} });
  outbox.open("ann", "d1");
  outbox.add({ query_id: 1, kind: "rate", rating: 1 });
  outbox.add({ query_id: 2, kind: "remark", flagged: true, comment: "black" });
  assert.deepEqual([outbox.answered(), outbox.remarked()], [[1], [2]]);
  await settle();
  mock.timers.tick(500);
  await settle();
  assert.deepEqual(server.paths, ["/api/events", "/api/events", "/api/remarks"]);
  const { client_id: name, ...remark } = server.bodies.at(-1);
  assert.deepEqual(remark, { query_id: 2, flagged: true, comment: "black" });
  assert.match(name, /^[0-9a-f]{32}$/);
  assert.deepEqual(saved, [1, 2]);
});
