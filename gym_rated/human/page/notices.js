// What floats over the page: the banner while something is wrong, and notes that pass.

import { byId, counted, setText } from "./dom.js";

let timer = 0;

// Says what is wrong, and how many answers this browser keeps meanwhile; null: nothing is.
export function showTrouble(kind, kept) {
  const ratings = counted(kept, "rating", "ratings");
  const are = counted(kept, "rating is", "ratings are");
  const sentences = {
    offline: kept ? `Offline: ${ratings} kept in this browser` : "Offline: the server does not answer, trying again",
    busy: kept ? `The database is busy: ${ratings} kept in this browser` : "The database is busy, trying again",
    full: `Not saved: disk full. ${are} kept in this browser`,
    stranger: kept ? `Signed out: open your link again. ${are} kept in this browser` : "Signed out: open your link again",
  };
  const banner = byId("banner");
  setText(banner, kind ? sentences[kind] : "");
  banner.dataset.kind = kind ?? "";
  banner.dataset.count = kept;
  banner.hidden = !kind;
}

export function note(text, forMs = 6000) {
  clearTimeout(timer);
  const place = byId("note");
  setText(place, text);
  place.hidden = false;
  place.dataset.sticks = forMs ? "no" : "yes";
  if (forMs) timer = setTimeout(hideNote, forMs);
}

export function hideNote() {
  clearTimeout(timer);
  byId("note").hidden = true;
  byId("note").dataset.sticks = "no";
}

// Whether the note is one that stays until it is hidden.
export const noteSticks = () => byId("note").dataset.sticks === "yes";
