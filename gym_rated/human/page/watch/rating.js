// Rating the marked steps, taking a rating back, and what the server says of it later.

import { byId, counted, setText } from "../dom.js";
import { closeClasses, drawClasses, flash, openClasses } from "../drawing.js";
import { hideNote, note } from "../notices.js";
import { segmentAround } from "./marking.js";

// Marks the steps around the one that is seen, and opens the classes where they may be rated.
export function mark(page, step) {
  const { about, episode, curve, seen } = page;
  const steps = episode.sizes.length;
  const range = page.film.range ?? segmentAround(step, about.segment_length, steps, episode.ratings);
  page.marked = range;
  curve.show(step, range);
  const known = ratingAt(episode, range);
  const name = known ? `, ${nameOf(about, known.rating)}` : "";
  setText(byId("marked"), `Marked: steps ${range[0] + 1} to ${range[1]}${name}`);
  const chosen = known && known.rating !== null ? known.rating : null;
  drawClasses(about.class_names, chosen, about.key_base, (rating) => rate(page, rating));
  if (!episode.told && seen.isEnough(range)) openClasses();
  else closeClasses();
}

// A rating of null: can't tell.
export function rate(page, rating) {
  const { about, episode, marked, seen } = page;
  if (!episode || (rating !== null && !about.class_names[rating])) return;
  if (episode.told) note("You have seen its true reward: rate in the next episode.");
  else if (seen.isEnough(marked)) keep(page, rating);
  else note("Watch the marked steps first: L repeats them.");
}

function keep(page, rating) {
  const { about, episode, marked, seen } = page;
  const [first] = marked;
  const shown = Math.min(seen.forMs(marked, performance.now()), 86400000);
  const one = { first_step: first, rating, query_id: null };
  const before = ratingAt(episode, marked);
  if (before && before.rating === rating) return;
  hideNote();
  flash(rating === null ? byId("skip") : byId("classes").children[rating]);
  episode.ratings = [...episode.ratings.filter((other) => other !== before), one];
  const deed = { kind: "segment", episode: episode.id, first_step: first, rating, shown_ms: shown };
  one.client_id = page.outbox.add(deed);
  page.done.push({ episode, one, before });
  redraw(page);
  setText(byId("announce"), `Rated ${nameOf(about, rating)}: steps ${first + 1} to ${marked[1]}.`);
}

export function undo(page) {
  if (!page.done.length) {
    note("There is nothing to undo.");
    return;
  }
  if (page.done.at(-1).episode.told) {
    note("You have seen the true reward of your last rating’s episode: what you rated there stands.");
    return;
  }
  const last = page.done.pop();
  forget(last);
  // what was sent just now is the last answer, also before the server has given it a number
  page.outbox.add({ kind: "undo", query_id: last.one.query_id });
  redraw(page);
  setText(byId("announce"), "Undone.");
}

// The server has written it down.
export function takeSaved(page, event, { query_id: number }) {
  for (const { one } of page.done) if (one.client_id === event.client_id) one.query_id = number;
}

// The server has given it up, and says why.
export function takeRefused(page, event, sentence) {
  const place = page.done.findIndex(({ one }) => one.client_id === event.client_id);
  if (place >= 0) forget(page.done.splice(place, 1)[0]);
  redraw(page);
  note(`Not kept: ${sentence}`);
}

function forget({ episode, one }) {
  episode.ratings = episode.ratings.filter((other) => other !== one);
}

export function redraw(page) {
  const { about, episode, curve, film } = page;
  const rated = page.done.reduce(
    (sum, { one, before }) => sum + isRating(one) - isRating(before),
    about.rated,
  );
  setText(byId("progress"), counted(rated, "rating", "ratings"));
  byId("undo").setAttribute("aria-disabled", String(!page.done.length));
  if (!episode) return;
  curve.drawRated(episode.ratings, about.segment_length, about.class_names.length);
  if (film.step >= 0) mark(page, film.step);
}

const ratingAt = (episode, [first]) => episode.ratings.find((one) => one.first_step === first);

const isRating = (one) => Number(Boolean(one) && one.rating !== null);

const nameOf = (about, rating) => (rating === null ? "can’t tell" : about.class_names[rating]);
