import assert from "node:assert/strict";
import { test } from "node:test";
import { durationsIn, paced } from "../../../gym_rated/human/page/webp.js";

// A file of chunks: a name and its content each, an odd one with a byte after it.
function file(...chunks) {
  const parts = chunks.map(([name, content]) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(content.length);
    return Buffer.concat([Buffer.from(name), size, content, Buffer.alloc(content.length % 2)]);
  });
  return new Uint8Array(Buffer.concat([Buffer.from("RIFF____WEBP"), ...parts]));
}

// A frame that is shown for so long, with something after it.
function frame(ms, more = 5) {
  const content = Buffer.alloc(16 + more, 7);
  content.writeUIntLE(ms, 12, 3);
  return ["ANMF", content];
}

const about = ["VP8X", Buffer.alloc(10)];

function durations(bytes) {
  const view = new DataView(bytes.buffer);
  return durationsIn(view).map((place) => view.getUint16(place, true) + 65536 * view.getUint8(place + 2));
}

test("each frame is shown for longer, and the last one holds besides", () => {
  const bytes = file(about, ["ANIM", Buffer.alloc(6)], frame(50), frame(50, 6), frame(100));
  assert.deepEqual(durations(bytes), [50, 50, 100]);
  assert.deepEqual(durations(paced(bytes, 1 / 3, 400)), [150, 150, 700]);
  assert.deepEqual(durations(paced(bytes, 1, 400)), [50, 50, 500]);
  assert.deepEqual(durations(bytes), [50, 50, 100]);
});

test("nothing but durations is changed", () => {
  const bytes = file(about, frame(50), frame(50));
  const changed = paced(bytes, 1 / 4, 400);
  const different = [...bytes.keys()].filter((k) => bytes[k] !== changed[k]);
  assert.deepEqual(different.map((k) => changed[k]), [200, 600 % 256, 600 >> 8]);
});

test("durations of more than two bytes are read and written, the longest is three", () => {
  const bytes = file(frame(0x012345), frame(0xfffff0));
  assert.deepEqual(durations(paced(bytes, 1 / 2, 400)), [2 * 0x012345, 0xffffff]);
});

test("a picture that does not move, and one that is cut off, are left as they are", () => {
  for (const bytes of [file(["VP8 ", Buffer.alloc(30)]), file(), new Uint8Array(3)]) {
    assert.deepEqual(paced(bytes, 1 / 2, 400), bytes);
  }
  const whole = file(about, frame(50), frame(60));
  for (let length = 0; length <= whole.length; length++) paced(whole.slice(0, length), 0.5, 400);
  assert.deepEqual(durations(whole.slice(0, whole.length - 4)), [50, 60]);
  assert.deepEqual(durations(whole.slice(0, whole.length - 14)), [50]);
});
