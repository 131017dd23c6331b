// Clips as blobs, fetched ahead. A whole clip in memory starts at once and needs no range requests.

const KEPT = 24;
const FORM = "gym_rated/as-webp";

export class ClipCache {
  constructor() {
    this.clips = new Map(); // digest -> promise of { blob, isVideo, fps, frames }
    this.asWebp = sessionStorage.getItem(FORM) === "yes";
  }

  get(digest) {
    const known = this.clips.get(digest);
    if (known) {
      this.clips.delete(digest);
      this.clips.set(digest, known); // now the latest used
      return known;
    }
    const clip = this.fetch(digest);
    this.clips.set(digest, clip);
    clip.catch(() => this.clips.delete(digest));
    for (const old of [...this.clips.keys()].slice(0, -KEPT)) this.clips.delete(old);
    return clip;
  }

  // This browser plays no such video: from now on, all clips as animated pictures.
  useWebp() {
    this.asWebp = true;
    sessionStorage.setItem(FORM, "yes");
    this.clips.clear();
  }

  useVideo() {
    this.asWebp = false;
    sessionStorage.removeItem(FORM);
  }

  async fetch(digest) {
    const answer = await fetch(`/clip/${digest}${this.asWebp ? "?as=webp" : ""}`);
    if (answer.status === 404 || answer.status === 410) throw new Damaged();
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const blob = await answer.blob();
    return {
      digest,
      blob,
      isVideo: blob.type.startsWith("video/"),
      fps: Number(answer.headers.get("x-clip-fps")) || 20,
      frames: Number(answer.headers.get("x-clip-frames")) || 1,
    };
  }
}

export class Damaged extends Error {}
