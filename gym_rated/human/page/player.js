// Two slots on one stage: the clip that is shown, and the next one, decoded already behind it.

import { element } from "./dom.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];

class Slot {
  constructor(root, onBroken) {
    this.root = root;
    this.onBroken = onBroken;
    this.clear();
  }

  clear() {
    this.root.classList.remove("shown");
    if (this.video) {
      this.video.pause();
      this.video.removeAttribute("src");
      this.video.load(); // lets go of the decoder
    }
    if (this.url) URL.revokeObjectURL(this.url);
    this.root.replaceChildren();
    Object.assign(this, { clip: null, key: null, url: null, video: null, image: null, still: null });
    this.isReady = false;
    this.isRunning = false;
    this.whenReady = null;
  }

  load(key, clip) {
    if (this.key === key && this.clip === clip) return this.whenReady;
    this.clear();
    this.key = key;
    this.clip = clip;
    this.url = URL.createObjectURL(clip.blob);
    this.whenReady = clip.isVideo ? this.loadVideo() : this.loadImage();
    this.whenReady.then(
      () => (this.isReady = true),
      () => {},
    );
    return this.whenReady;
  }

  loadVideo() {
    const seconds = (this.clip.frames / this.clip.fps).toFixed(1);
    const video = element("video", { loop: true, playsinline: true, preload: "auto", "aria-label": `Clip of ${seconds} seconds, repeating`, disablepictureinpicture: true });
    video.muted = true;
    this.video = video;
    const ready = new Promise((resolve, reject) => {
      video.addEventListener("loadeddata", resolve, { once: true });
      video.addEventListener("error", () => reject(new Error("the browser cannot play it")), { once: true });
    });
    video.addEventListener("error", () => {
      if (this.video === video && this.isReady) this.onBroken(this.key); // broken further on
    });
    video.src = this.url;
    this.root.append(video);
    return ready;
  }

  async loadImage() {
    const image = element("img", { alt: "Clip, repeating" });
    const still = element("canvas", { class: "still" });
    Object.assign(this, { image, still });
    this.root.append(image, still);
    const first = await createImageBitmap(this.clip.blob);
    still.width = first.width;
    still.height = first.height;
    still.getContext("2d").drawImage(first, 0, 0);
    this.beginImage();
    await image.decode();
  }

  beginImage() {
    URL.revokeObjectURL(this.url); // an animated picture starts anew only under another address
    this.url = URL.createObjectURL(this.clip.blob);
    this.image.src = this.url;
    this.begun = performance.now();
  }

  play(rate) {
    this.isRunning = true;
    if (this.video) {
      this.video.playbackRate = rate;
      this.video.play().catch(() => {}); // a hidden page may refuse; the next key starts it
    } else if (this.still) {
      this.beginImage();
      this.still.hidden = true;
    }
  }

  pause() {
    this.isRunning = false;
    if (this.video) this.video.pause();
    else if (this.still) this.still.hidden = false;
  }

  get seconds() {
    return this.clip ? this.clip.frames / this.clip.fps : 0;
  }

  get progress() {
    if (!this.clip) return 0;
    if (this.video) return this.video.duration > 0 ? this.video.currentTime / this.video.duration : 0;
    if (!this.isRunning || !this.begun) return 0;
    return (((performance.now() - this.begun) / 1000) % this.seconds) / this.seconds;
  }

  get picture() {
    return this.video ?? this.still;
  }
}

export class Player {
  // Calls onBroken(key) when a clip that was shown turns out to be damaged.
  constructor(stage, bar, onBroken) {
    this.stage = stage;
    this.bar = bar;
    this.slots = [...stage.querySelectorAll(".slot")].map((root) => new Slot(root, onBroken));
    this.current = null;
    this.speedIndex = 2;
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

  // Shows a clip; resolves when its first picture is there, rejects if it cannot be played.
  async show(key, clip) {
    const slot = this.slots.find((s) => s.key === key && s.clip === clip) ?? this.slots.find((s) => s !== this.current);
    const before = this.current;
    this.current = slot;
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

  get speed() {
    return SPEEDS[this.speedIndex];
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
    const frame = Math.round(video.currentTime * clip.fps - 0.5) + frames;
    // the middle of a frame: its edge may round to its neighbour
    video.currentTime = ((((frame % clip.frames) + clip.frames) % clip.frames) + 0.5) / clip.fps;
    this.mark();
  }

  changeSpeed(by) {
    if (!this.canStep) return;
    this.speedIndex = Math.min(Math.max(this.speedIndex + by, 0), SPEEDS.length - 1);
    this.current.video.playbackRate = this.speed;
    this.mark();
  }

  mark() {
    this.stage.dataset.playing = String(!this.isPaused);
    this.stage.dataset.speed = String(this.speed);
    this.stage.dispatchEvent(new CustomEvent("playback"));
  }
}

// Draws one picture of a clip onto a small canvas; the clip need not be on the stage.
export function drawThumbnail(canvas, picture) {
  const width = picture.videoWidth || picture.width;
  const height = picture.videoHeight || picture.height;
  if (!width || !height) return;
  const side = Math.min(width, height);
  canvas
    .getContext("2d")
    .drawImage(picture, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
}

export async function drawMiddle(canvas, clip) {
  if (!clip.isVideo) return drawThumbnail(canvas, await createImageBitmap(clip.blob));
  const url = URL.createObjectURL(clip.blob);
  const video = element("video", { preload: "auto", playsinline: true });
  video.muted = true;
  try {
    await new Promise((resolve, reject) => {
      video.addEventListener("loadedmetadata", () => (video.currentTime = video.duration / 2), { once: true });
      video.addEventListener("seeked", resolve, { once: true });
      video.addEventListener("error", reject, { once: true });
      video.src = url;
    });
    drawThumbnail(canvas, video);
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}
