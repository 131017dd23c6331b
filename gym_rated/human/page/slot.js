// One clip on the stage: a video, or an animated picture where the browser plays no such video.

import { element } from "./dom.js";
import { HOLD_MS } from "./pace.js";
import { paced } from "./webp.js";

export class Slot {
  constructor(root, onBroken) {
    this.root = root;
    this.onBroken = onBroken;
    this.clear();
  }

  clear() {
    this.root.classList.remove("shown");
    clearTimeout(this.hold);
    if (this.video) {
      this.video.pause();
      this.video.removeAttribute("src");
      this.video.load(); // lets go of the decoder
    }
    if (this.url) URL.revokeObjectURL(this.url);
    this.root.replaceChildren();
    Object.assign(this, { clip: null, key: null, url: null });
    Object.assign(this, { video: null, image: null, still: null, bytes: null });
    this.rate = 1;
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
    const video = element("video", {
      playsinline: true,
      preload: "auto",
      "aria-label": `Clip of ${seconds} seconds, repeating`,
      disablepictureinpicture: true,
    });
    video.muted = true;
    this.video = video;
    const ready = new Promise((resolve, reject) => {
      video.addEventListener("loadeddata", resolve, { once: true });
      const fail = () => reject(new Error("the browser cannot play it"));
      video.addEventListener("error", fail, { once: true });
    });
    video.addEventListener("error", () => {
      if (this.video === video && this.isReady) this.onBroken(this.key); // broken further on
    });
    video.addEventListener("ended", () => {
      if (this.video !== video || !this.isRunning) return;
      clearTimeout(this.hold);
      this.hold = setTimeout(() => this.play(video.playbackRate), HOLD_MS); // from the start
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
    const { blob } = this.clip;
    const [first, buffer] = await Promise.all([createImageBitmap(blob), blob.arrayBuffer()]);
    this.bytes = new Uint8Array(buffer);
    still.width = first.width;
    still.height = first.height;
    still.getContext("2d").drawImage(first, 0, 0);
    this.beginImage();
    await image.decode();
  }

  beginImage() {
    URL.revokeObjectURL(this.url); // an animated picture starts anew only under another address
    const bytes = paced(this.bytes, this.rate, HOLD_MS);
    this.url = URL.createObjectURL(new Blob([bytes], { type: this.clip.blob.type }));
    this.image.src = this.url;
    this.begun = performance.now();
  }

  play(rate) {
    clearTimeout(this.hold);
    this.isRunning = true;
    this.rate = rate;
    if (this.video) {
      this.video.playbackRate = rate;
      this.video.play().catch(() => {}); // a hidden page may refuse; the next key starts it
    } else if (this.still) {
      this.beginImage();
      this.still.hidden = true;
    }
  }

  pause() {
    clearTimeout(this.hold);
    this.isRunning = false;
    if (this.video) this.video.pause();
    else if (this.still) this.still.hidden = false;
  }

  get seconds() {
    return this.clip ? this.clip.frames / this.clip.fps : 0;
  }

  get progress() {
    if (!this.clip) return 0;
    if (this.video) {
      const { currentTime, duration } = this.video;
      return duration > 0 ? currentTime / duration : 0;
    }
    if (!this.isRunning || !this.begun) return 0;
    const turn = (1000 * this.seconds) / this.rate;
    return Math.min(((performance.now() - this.begun) % (turn + HOLD_MS)) / turn, 1);
  }

  get picture() {
    return this.video ?? this.still;
  }
}
