import assert from "node:assert/strict";
import { test } from "node:test";
import { classColour, keyOfClass, taskColour } from "../../../gym_rated/human/page/ramp.js";

test("the worst class is orange, the best blue, the middle grey", () => {
  assert.equal(classColour(0, 3), "rgb(197, 84, 27)");
  assert.equal(classColour(1, 3), "rgb(176, 168, 152)");
  assert.equal(classColour(2, 3), "rgb(38, 108, 188)");
});

test("between two stops a colour is mixed by its place", () => {
  // the second of four classes lies at 4/3: a third of the way from the second stop to the third
  // 226 + (176 - 226) / 3 = 209.3, 144 + (168 - 144) / 3 = 152, 64 + (152 - 64) / 3 = 93.3
  assert.equal(classColour(1, 4), "rgb(209, 152, 93)");
});

test("a single class has the colour of the worst", () => {
  assert.equal(classColour(0, 1), "rgb(197, 84, 27)");
});

test("every class of ten has a colour of its own", () => {
  const colours = Array.from({ length: 10 }, (_, k) => classColour(k, 10));
  assert.equal(new Set(colours).size, 10);
});

test("a task keeps its colour, and its letters decide it", () => {
  // "" is 7; "A" is 7 * 31 + 65 = 282
  assert.equal(taskColour(""), "hsl(7 45% 45%)");
  assert.equal(taskColour("A"), "hsl(282 45% 45%)");
  assert.notEqual(taskColour("AB"), taskColour("BA"));
});

test("keys count from the base on, and the tenth is 0", () => {
  assert.deepEqual([0, 8, 9].map((k) => keyOfClass(k, 1)), ["1", "9", "0"]);
  assert.deepEqual([0, 9].map((k) => keyOfClass(k, 0)), ["0", "9"]);
});
