// A film of single pictures, one a step, so that what is seen is always the step that the cursor is
// at: there is no seeking in a video that lands beside it.

import { HOLD_MS, SPEEDS, usualSpeed } from "../pace.js";

const AHEAD = 12; // pictures that are decoded before they are due
const KEPT = 48;

export class Film {
  // Calls onStep(step) for each picture that is seen, onEnd() after the last one, and onChange()
  // when it is paused or its speed changes.
  constructor(canvas, { onStep, onEnd, onChange }) {
    Object.assign(this, { canvas, onStep, onEnd, onChange });
    this.pen = canvas.getContext("2d");
    this.pictures = [];
    this.decoded = new Map(); // step -> a picture, or the promise of one
    this.position = 0; // in steps, with what is past of the present one
    this.step = -1; // the one that is seen
    this.range = null; // [first, stop): the steps that are repeated
    this.chosen = null; // a speed, once somebody chose one
    this.slow = 1; // as slow as segments need, to be repeated
    this.isPaused = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.heldUntil = 0;
    this.before = 0;
    const tick = (now) => {
      this.advance(now);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  open(bytes, sizes, { fps, segmentLength }) {
    let end = 0;
    this.pictures = sizes.map((size) => bytes.slice((end += size) - size, end, "image/jpeg"));
    for (const picture of this.decoded.values()) close(picture);
    this.decoded.clear();
    this.fps = fps;
    this.slow = usualSpeed(segmentLength / fps);
    this.range = null;
    this.seek(0);
    this.onChange();
  }

  get speed() {
    return this.chosen ?? (this.range ? this.slow : 1);
  }

  get length() {
    return this.pictures.length;
  }

  advance(now) {
    const past = Math.min(now - this.before, 250); // a tab that was hidden does not jump
    this.before = now;
    if (!this.length) return;
    if (!this.isPaused && now >= this.heldUntil && this.step >= 0) this.move(now, past);
    this.draw();
  }

  move(now, past) {
    const [first, stop] = this.range ?? [0, this.length];
    this.position += (past / 1000) * this.fps * this.speed;
    if (this.position < stop) return;
    if (this.range) {
      this.position = first;
      this.heldUntil = now + HOLD_MS;
    } else {
      this.position = stop - 0.001;
      this.heldUntil = now + HOLD_MS;
      this.onEnd();
    }
  }

  // Shows the picture of now, if it is there, and has the next ones decoded.
  draw() {
    const due = Math.floor(this.position);
    for (let k = due; k < Math.min(due + AHEAD, this.length); k++) this.decode(k);
    const picture = this.decoded.get(due);
    if (due === this.step || !(picture instanceof ImageBitmap)) return;
    this.canvas.width = picture.width;
    this.canvas.height = picture.height;
    this.pen.drawImage(picture, 0, 0);
    this.step = due;
    this.onStep(due);
  }

  decode(step) {
    if (this.decoded.has(step)) return;
    const blob = this.pictures[step];
    this.decoded.set(step, createImageBitmap(blob).then((picture) => this.keep(step, blob, picture)));
    if (this.decoded.size > KEPT) {
      const [oldest] = this.decoded.keys();
      close(this.decoded.get(oldest));
      this.decoded.delete(oldest);
    }
  }

  keep(step, blob, picture) {
    if (this.pictures[step] === blob && this.decoded.has(step)) this.decoded.set(step, picture);
    else picture.close(); // of a film that is not shown any more
  }

  seek(step) {
    this.position = Math.min(Math.max(step, 0), this.length - 1);
    this.step = -1; // so that it is told once more
    this.heldUntil = 0;
  }

  toggle() {
    this.isPaused = !this.isPaused;
    this.onChange();
  }

  play() {
    this.isPaused = false;
    this.onChange();
  }

  by(steps) {
    this.isPaused = true;
    this.seek(Math.floor(this.position) + steps);
    this.onChange();
  }

  // Repeats some steps; null: goes on through the episode.
  repeat(range) {
    this.range = range;
    if (range) {
      this.seek(range[0]);
      this.isPaused = false;
    }
    this.onChange();
  }

  changeSpeed(by) {
    const place = SPEEDS.indexOf(this.speed) + by;
    this.chosen = SPEEDS[Math.min(Math.max(place, 0), SPEEDS.length - 1)];
    this.onChange();
  }
}

function close(picture) {
  if (picture instanceof ImageBitmap) picture.close();
}
