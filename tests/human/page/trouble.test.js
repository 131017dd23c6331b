import assert from "node:assert/strict";
import { test } from "node:test";
import { troubleSentence } from "../../../gym_rated/human/page/notices.js";
import { get, sentenceOf, troubleOf } from "../../../gym_rated/human/page/server.js";
import { Trouble } from "../../../gym_rated/human/page/trouble.js";
import { json, serve } from "./fakes.js";

function withKept(size) {
  const said = [];
  const outbox = { size, sent: 0, send: () => (outbox.sent += 1) };
  return { said, outbox, trouble: new Trouble(outbox, (kind, kept) => said.push([kind, kept])) };
}

test("trouble is said with the number of answers kept, and ends when the server answers", () => {
  const { said, trouble } = withKept(2);
  trouble.set("offline");
  trouble.reached();
  assert.deepEqual(said, [["offline", 2], [null, 2]]);
});

test("a full disk stays one until what is kept has been written", () => {
  const { said, trouble, outbox } = withKept(1);
  trouble.set("full");
  trouble.reached();
  trouble.set(null);
  assert.equal(trouble.kind, "full");
  outbox.size = 0;
  trouble.reached();
  assert.equal(trouble.kind, null);
  assert.deepEqual(said, [["full", 1], [null, 0]]);
});

test("when the server answers, what is kept is sent", () => {
  const { trouble, outbox } = withKept(1);
  trouble.reached();
  assert.equal(outbox.sent, 1);
  outbox.size = 0;
  trouble.reached();
  assert.equal(outbox.sent, 1);
});

test("only trouble is repeated", () => {
  const { said, trouble, outbox } = withKept(1);
  trouble.repeat();
  assert.deepEqual(said, []);
  trouble.set("busy");
  outbox.size = 3;
  trouble.repeat();
  assert.deepEqual(said.at(-1), ["busy", 3]);
});

test("at the end a server that does not answer is no trouble, but others are", () => {
  const said = [];
  const trouble = new Trouble({ size: 0, send() {} }, (kind) => said.push(kind), () => true);
  for (const kind of ["offline", "busy", "full", "stranger"]) trouble.set(kind);
  assert.deepEqual(said, ["ended", "busy", "full", "stranger"]);
  assert.equal(troubleSentence("ended", 0), "");
  const kept = "The server has ended: 2 ratings kept in this browser";
  assert.equal(troubleSentence("ended", 2), kept);
});

test("a banner has the server's own words on its database", () => {
  const moved = "the database was moved or deleted";
  const kept = "The database was moved or deleted: 1 rating kept in this browser";
  assert.equal(troubleSentence("busy", 1, moved), kept);
  assert.equal(troubleSentence("busy", 0, moved), "The database was moved or deleted");
  assert.equal(troubleSentence("offline", 0, "x"), troubleSentence("offline", 0));
});

test("a banner counts what this browser keeps", () => {
  assert.equal(troubleSentence("offline", 1), "Offline: 1 rating kept in this browser");
  assert.equal(troubleSentence("busy", 2), "The database is busy: 2 ratings kept in this browser");
  const full = "Not saved: disk full. 1 rating is kept in this browser";
  assert.equal(troubleSentence("full", 1), full);
  const stranger = "Signed out: open your link again. 5 ratings are kept in this browser";
  assert.equal(troubleSentence("stranger", 5), stranger);
});

test("a banner does not speak of ratings where none is kept", () => {
  const offline = "Offline: the server does not answer, trying again";
  assert.equal(troubleSentence("offline", 0), offline);
  assert.equal(troubleSentence("busy", 0), "The database is busy, trying again");
  assert.equal(troubleSentence("stranger", 0), "Signed out: open your link again");
  assert.match(troubleSentence("full", 0), /0 ratings are kept/);
});

test("an error without a status is a server that does not answer", () => {
  const kinds = [undefined, 401, 404, 500, 507].map((status) => troubleOf({ status }));
  assert.deepEqual(kinds, ["offline", "stranger", "offline", "busy", "busy"]);
});

test("a refusal is thrown with its status and sentence, an answer is returned", async () => {
  serve(json({ detail: "Not yours." }, 401), json({ fine: true }));
  await assert.rejects(get("/api/state"), { status: 401, message: "Not yours." });
  assert.deepEqual(await (await get("/api/state")).json(), { fine: true });
});

test("a refusal that says nothing is said by its status", async () => {
  const answer = new Response("<html>", { status: 502 });
  assert.equal(await sentenceOf(answer), "The server answered 502.");
});
