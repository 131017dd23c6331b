import assert from "node:assert/strict";
import { test } from "node:test";
import { helpRows } from "../../../gym_rated/human/page/drawing.js";
import { actionOf, isForPage, KEYS } from "../../../gym_rated/human/page/keys.js";

// Returns what a key does, as a word and its number.
function deed(event) {
  let done = null;
  const note = (name) => (value) => (done = value === undefined ? name : `${name} ${value}`);
  const names = ["digit", "skip", "undo", "pause", "restart", "step", "speed", "help", "leave", "back", "flag", "comment"];
  const actions = Object.fromEntries(names.map((name) => [name, note(name)]));
  actionOf({ shiftKey: false, ...event }, actions)?.();
  return done;
}

const EACH = {
  s: "skip",
  S: "skip",
  u: "undo",
  Backspace: "undo",
  " ": "pause",
  r: "restart",
  ",": "step -1",
  ".": "step 1",
  "[": "speed -1",
  "]": "speed 1",
  "?": "help",
  Escape: "leave",
  ArrowLeft: "back 1",
  ArrowRight: "back -1",
  f: "flag",
  C: "comment",
  7: "digit 7",
  0: "digit 0",
  x: null,
  Enter: null,
};
for (const [key, expected] of Object.entries(EACH)) {
  test(`the key ${JSON.stringify(key)} does ${expected ?? "nothing"}`, () => {
    assert.equal(deed({ key }), expected);
  });
}

test("a letter with Shift is not meant, nor is Space or Backspace", () => {
  for (const key of ["S", "u", "R", " ", "Backspace"]) {
    assert.equal(deed({ key, shiftKey: true }), null, key);
  }
  assert.equal(deed({ key: "?", shiftKey: true }), "help"); // it takes Shift on most keyboards
});

test("a digit that needs Shift is taken without it, by where the key is", () => {
  assert.equal(deed({ key: "&", code: "Digit1" }), "digit 1");
  assert.equal(deed({ key: "1", code: "Digit1", shiftKey: true }), "digit 1");
  assert.equal(deed({ key: "!", code: "Digit1", shiftKey: true }), null);
  assert.equal(deed({ key: "a", code: "Digit1" }), null);
  assert.equal(deed({ key: "5", code: "Numpad5" }), "digit 5");
});

const inside = (name) => ({ closest: (selector) => selector.split(", ").includes(name) });
const nowhere = inside("main");

test("a plain key anywhere on the page is for the page", () => {
  assert.equal(isForPage({ key: "s" }, nowhere, false), true);
});

for (const name of ["repeat", "isComposing", "ctrlKey", "altKey", "metaKey"]) {
  test(`a key with ${name} is not for the page`, () => {
    assert.equal(isForPage({ key: "s", [name]: true }, nowhere, false), false);
  });
}

test("keys in a field stay there; of a button only Space does", () => {
  assert.equal(isForPage({ key: "s" }, inside("input"), false), false);
  assert.equal(isForPage({ key: " " }, inside("button"), false), false);
  assert.equal(isForPage({ key: "s" }, inside("button"), false), true);
});

test("while the help is open only its own key counts", () => {
  assert.equal(isForPage({ key: "1" }, nowhere, true), false);
  assert.equal(isForPage({ key: "?" }, nowhere, true), true);
});

test("the help lists the keys of the classes first", () => {
  const [first, ...others] = helpRows(4, 1);
  assert.deepEqual(first, {
    keys: ["1", "4"],
    between: " to ",
    meaning: "the classes, worst to best",
  });
  assert.equal(others.length, KEYS.length);
  assert.deepEqual(others[4], {
    keys: [",", "."],
    between: " ",
    meaning: "one frame back, one on",
  });
});

test("the help lists no classes before they are known", () => {
  assert.equal(helpRows(0, 1).length, KEYS.length);
});
