import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ClipCache, Damaged } from "../../../gym_rated/human/page/clips.js";
import { Session } from "../../../gym_rated/human/page/session.js";
import { FakeStorage, provide, serve } from "./fakes.js";

beforeEach(() => provide("sessionStorage", new FakeStorage()));

const headers = { "content-type": "video/mp4", "x-clip-fps": "25", "x-clip-frames": "50" };
const video = () => new Response("mp4", { headers });

test("a clip is fetched once and says how long it is", async () => {
  const server = serve(video);
  const cache = new ClipCache();
  const clip = await cache.get("abc");
  assert.deepEqual([clip.digest, clip.isVideo, clip.fps, clip.frames], ["abc", true, 25, 50]);
  assert.equal(await cache.get("abc"), clip);
  assert.deepEqual(server.paths, ["/clip/abc"]);
});

test("the cache keeps the twenty-four clips that were used last", async () => {
  const server = serve(video);
  const cache = new ClipCache();
  for (let k = 0; k < 24; k++) await cache.get(`c${k}`);
  await cache.get("c0");
  await cache.get("new");
  assert.equal(cache.clips.has("c0"), true);
  assert.equal(cache.clips.has("c1"), false);
  assert.equal(server.requests.length, 25);
});

test("a clip that is gone is damaged, and one that did not come is asked for again", async () => {
  serve(410, 503, video);
  const cache = new ClipCache();
  await assert.rejects(cache.get("a"), Damaged);
  await assert.rejects(cache.get("a"), /the server answered 503/);
  assert.equal((await cache.get("a")).digest, "a");
});

test("a browser without the codec gets pictures, after a reload too", async () => {
  const server = serve(() => new Response("webp", { headers: { "content-type": "image/webp" } }));
  const cache = new ClipCache();
  cache.useWebp();
  assert.equal((await cache.get("a")).isVideo, false);
  assert.deepEqual(server.paths, ["/clip/a?as=webp"]);
  assert.equal(new ClipCache().asWebp, true);
  cache.useVideo();
  assert.equal(new ClipCache().asWebp, false);
});

test("a session counts each clip once, loses what is undone, and outlives a reload", () => {
  const session = new Session();
  for (const id of [1, 2, 2]) session.count(id, true);
  assert.equal(session.size, 2);
  session.count(1, false);
  assert.equal(new Session().size, 1);
});

test("a session goes on where the storage is broken or full", () => {
  sessionStorage.setItem("gym_rated/session", "{");
  assert.equal(new Session().size, 0);
  provide("sessionStorage", new FakeStorage({ isFull: true }));
  const session = new Session();
  session.count(1, true);
  assert.equal(session.size, 1);
});
