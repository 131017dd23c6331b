import assert from "node:assert/strict";
import { test } from "node:test";
import { drawThumbnail, fitted } from "../../../gym_rated/human/page/thumbnail.js";

const square = { width: 88, height: 88 };

test("a small picture is the whole clip, for what matters may be at an edge", () => {
  assert.deepEqual(fitted(600, 400, { width: 60, height: 60 }), [0, 10, 60, 40]);
  assert.deepEqual(fitted(200, 400, { width: 60, height: 60 }), [15, 0, 30, 60]);
  assert.deepEqual(fitted(480, 480, square), [0, 0, 88, 88]);
});

test("what has no picture yet is not drawn, so that nothing blank is kept", () => {
  const canvas = { ...square, getContext: () => assert.fail("drawn") };
  assert.equal(drawThumbnail(canvas, { videoWidth: 0, videoHeight: 0 }), false);
  assert.equal(drawThumbnail(canvas, { videoWidth: 480, videoHeight: 480, readyState: 1 }), false);
});

test("what has a picture is drawn", () => {
  const drawn = [];
  const canvas = { ...square, getContext: () => ({ drawImage: (...what) => drawn.push(what) }) };
  const picture = { videoWidth: 480, videoHeight: 480, readyState: 2 };
  assert.equal(drawThumbnail(canvas, picture), true);
  assert.deepEqual(drawn, [[picture, 0, 0, 88, 88]]);
});
