// A soft tone when clips arrive after a wait: off until a rater asks for it.

import { element } from "./dom.js";

const WANTED = "gym_rated/sound";

export class Sound {
  constructor() {
    const box = element("input", { type: "checkbox", "data-testid": "sound" });
    box.checked = recall() === "yes";
    box.addEventListener("change", () => {
      remember(box.checked ? "yes" : "no");
      if (box.checked) this.play();
    });
    this.box = box;
    const words = element("span", {}, "Sound when new clips arrive");
    this.control = element("label", { class: "choice" }, box, words);
  }

  play() {
    if (!this.box.checked) return;
    this.context ??= new AudioContext();
    const tone = this.context.createOscillator();
    const volume = this.context.createGain();
    const now = this.context.currentTime;
    tone.frequency.value = 520;
    volume.gain.setValueAtTime(0, now);
    volume.gain.linearRampToValueAtTime(0.08, now + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.001, now + 0.5);
    tone.connect(volume).connect(this.context.destination);
    tone.start(now);
    tone.stop(now + 0.5);
  }
}

function recall() {
  try {
    return localStorage.getItem(WANTED);
  } catch {
    return null;
  }
}

function remember(value) {
  try {
    localStorage.setItem(WANTED, value);
  } catch {
    // for this visit only, then
  }
}
