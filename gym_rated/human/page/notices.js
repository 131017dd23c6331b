// What floats over the page: the banner while something is wrong, and notes that pass.

import { byId, counted, setText } from "./dom.js";

const NOTHING_KEPT = {
  offline: "Offline: the server does not answer, trying again",
  busy: "The database is busy, trying again",
  stranger: "Signed out: open your link again",
  ended: "",
};

let timer = 0;

// Says what is wrong, and how many answers this browser keeps meanwhile; null: nothing is.
export function showTrouble(kind, kept, words) {
  const banner = byId("banner");
  const sentence = kind ? troubleSentence(kind, kept, words) : "";
  setText(banner, sentence);
  banner.dataset.kind = kind ?? "";
  banner.dataset.count = kept;
  banner.hidden = !sentence;
}

// The server's own words are about its database.
export function troubleSentence(kind, kept, words = null) {
  if (kind === "busy" && words) {
    const said = words[0].toUpperCase() + words.slice(1);
    return kept ? `${said}: ${counted(kept, "rating", "ratings")} kept in this browser` : said;
  }
  const ratings = counted(kept, "rating", "ratings");
  const are = counted(kept, "rating is", "ratings are");
  const sentences = {
    offline: `Offline: ${ratings} kept in this browser`,
    busy: `The database is busy: ${ratings} kept in this browser`,
    full: `Not saved: disk full. ${are} kept in this browser`,
    stranger: `Signed out: open your link again. ${are} kept in this browser`,
    ended: `The server has ended: ${ratings} kept in this browser`,
  };
  return (kept ? sentences : { ...sentences, ...NOTHING_KEPT })[kind];
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
