// Two slots on one stage: the clip that is shown, and the next one, decoded already behind it.

import { Pace } from "./pace.js";
import { Slot } from "./slot.js";

export class Player {
  // Calls onBroken(key) when a clip that was shown turns out to be damaged.
  constructor(stage, bar, onBroken) {
    this.stage = stage;
    this.bar = bar;
    this.slots = [...stage.querySelectorAll(".slot")].map((root) => new Slot(root, onBroken));
    this.current = null;
    this.pace = new Pace();
    this.startsPaused = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.isPaused = this.startsPaused;
    const draw = () => {
      const done = this.current ? this.current.progress : 0;
      this.bar.style.transform = `scaleX(${done.toFixed(4)})`;
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  }

  // Decodes a clip behind the one that is shown.
  prepare(key, clip) {
    const slot = this.slots.find((s) => s !== this.current);
    return slot.load(key, clip);
  }

  // Shows the clip of a query; resolves when its first picture is there, rejects if it cannot be
  // played.
  async show(key, clip, query) {
    const prepared = this.slots.find((s) => s.key === key && s.clip === clip);
    const slot = prepared ?? this.slots.find((s) => s !== this.current);
    const before = this.current;
    this.current = slot;
    this.pace.turnTo(query, clip);
    await slot.load(key, clip);
    if (this.current !== slot || slot.key !== key) return false; // something else came meanwhile
    this.isPaused = this.startsPaused;
    if (slot.video && slot.video.currentTime > 0) slot.video.currentTime = 0;
    if (this.isPaused) slot.pause();
    else slot.play(this.speed);
    slot.root.classList.add("shown");
    if (before && before !== slot) {
      before.root.classList.remove("shown");
      before.pause();
    }
    this.mark();
    return true;
  }

  clear() {
    for (const slot of this.slots) slot.clear();
    this.current = null;
  }

  // Pictures that move play as slowly as videos, but not faster than they are.
  get speed() {
    const { speed } = this.pace;
    return this.current?.image ? Math.min(speed, 1) : speed;
  }

  get canStep() {
    return Boolean(this.current?.video);
  }

  toggle() {
    if (!this.current?.clip) return;
    this.isPaused = !this.isPaused;
    if (this.isPaused) this.current.pause();
    else this.current.play(this.speed);
    this.mark();
  }

  restart() {
    if (!this.current?.clip) return;
    if (this.current.video) this.current.video.currentTime = 0;
    this.isPaused = false;
    this.current.play(this.speed);
    this.mark();
  }

  step(frames) {
    if (!this.canStep) return;
    const { video, clip } = this.current;
    this.isPaused = true;
    this.current.pause();
    video.currentTime = timeAfter(video.currentTime, frames, clip);
    this.mark();
  }

  changeSpeed(by) {
    if (!this.canStep) return;
    this.pace.change(by);
    this.current.video.playbackRate = this.speed;
    this.mark();
  }

  // The page is seen again; meanwhile the browser may have refused to go on.
  wake() {
    if (this.canStep && this.current.isRunning) this.current.play(this.speed);
  }

  mark() {
    this.stage.dataset.playing = String(!this.isPaused);
    this.stage.dataset.speed = String(this.speed);
    this.stage.dispatchEvent(new CustomEvent("playback"));
  }
}

// The second to go to, some frames on from a second of a clip that repeats.
export function timeAfter(second, frames, clip) {
  // at the end of a turn the last frame is still there
  const shown = Math.min(Math.round(second * clip.fps - 0.5), clip.frames - 1);
  const frame = (shown + frames + clip.frames) % clip.frames;
  return (frame + 0.5) / clip.fps; // the middle of it: its edge may round to its neighbour
}
