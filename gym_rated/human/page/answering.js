// Answering a clip, taking an answer back, and changing it later.

import { byId, setText } from "./dom.js";
import { flash } from "./drawing.js";
import { deedOf, isNews } from "./hand.js";
import { hideNote, note } from "./notices.js";
import { drawDoubts, drawHistory, drawProgress } from "./progress.js";
import { show, showNext } from "./showing.js";

export function rate(page, rating) {
  if (page.stage.dataset.armed === "true" && page.hand.mayRate(rating)) answer(page, rating);
}

export function skip(page) {
  const { armed, state } = page.stage.dataset;
  const { view } = page.hand;
  // a clip that cannot be played can still be left
  if (view && !view.isDone && (armed === "true" || state === "unplayable")) answer(page, null);
}

// A rating of null: can't tell.
function answer(page, rating) {
  const { view } = page.hand;
  view.isDone = true;
  flash(rating === null ? byId("skip") : byId("classes").children[rating]);
  if (isNews(view, rating)) keep(page, view, rating);
  if (view.isCorrection) leaveCorrection(page);
  else showNext(page);
  drawProgress(page);
  if (page.activity.isBreakDue(performance.now())) {
    note("You have rated for 20 minutes. A short break keeps ratings steady.", 15000);
  }
}

function keep(page, view, rating) {
  const { query, isCorrection } = view;
  const { history, player } = page;
  const deed = deedOf(view, rating, performance.now());
  const entry = { query_id: query.id, clip: query.clip, rating: rating ?? -1, saved: false, query };
  if (!isCorrection || !history.change(entry)) {
    history.add(entry, player.current?.isReady ? player.current.picture : null);
  }
  page.session.count(query.id, rating !== null);
  page.changes += 1;
  page.outbox.add(deed);
  drawHistory(page);
  const name = rating === null ? "can’t tell" : query.class_names[rating];
  setText(byId("announce"), `${isCorrection ? "Changed to" : "Rated"} ${name}.`);
}

export function undo(page) {
  if (leaveCorrection(page)) return;
  const last = page.history.latest;
  if (!last) {
    note("There is nothing to undo.");
    return;
  }
  page.history.remove(last.query_id);
  page.session.count(last.query_id, false);
  page.changes += 1;
  page.outbox.add({ query_id: last.query_id, kind: "undo" });
  page.hand.putBack();
  setText(byId("announce"), "Undone. The clip is back.");
  show(page, last.query);
  drawProgress(page);
}

// Opens an answer of the past again; a second time, it stays as it is.
export function correct(page, entry) {
  const { view } = page.hand;
  if (view?.isCorrection && view.query.id === entry.query_id) leaveCorrection(page);
  else {
    page.hand.interrupt();
    show(page, entry.query, { rating: entry.rating });
  }
}

// Goes so many answers back from the one that is open, or on again; past the newest, to the clip
// that waits.
export function goBack(page, by) {
  const { history } = page;
  const place = history.openPlace + by;
  const entry = history.shown[place];
  if (entry) correct(page, entry);
  else if (place < 0) leaveCorrection(page);
  else note(history.latest ? "This is as far back as it goes." : "There is nothing to go back to.");
}

// Opens an older answer, which the history may not show any more.
export function lookAgain(page, { query_id: id, clip, rating }) {
  const { id: run, ...criterion } = page.said.run;
  correct(page, { query_id: id, rating, query: { ...criterion, id, run_id: run, clip } });
  page.panel.draw(page.said);
  drawDoubts(page);
}

// Whether there was a correction to leave.
export function leaveCorrection(page) {
  if (!page.hand.leaveCorrection()) return false;
  hideNote();
  showNext(page);
  return true;
}
