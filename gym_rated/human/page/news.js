// What the server says: its state every few seconds, and what became of each answer.

import { byId } from "./dom.js";
import { drawHelp } from "./drawing.js";
import { takeReturn } from "./ending.js";
import { note } from "./notices.js";
import { drawDoubts, drawHistory, drawProgress } from "./progress.js";
import { drawRemark } from "./remarking.js";
import { get, troubleOf } from "./server.js";
import { showWaiting } from "./showing.js";

const FIRST_MS = 1500; // until the server has said who rates here
const VISIBLE_MS = 5000;
const HIDDEN_MS = 15000;
const SOON_MS = 300;

export function takeSaved(page, event) {
  const entry = page.history.find(event.query_id);
  if (entry && event.kind !== "remark") entry.saved = true;
  drawHistory(page);
  page.trouble.reached();
  readSoon(page);
}

export function takeRefused(page, event, sentence) {
  if (event.kind === "remark") page.remarks.forget(event.query_id);
  else if (event.kind !== "undo") {
    page.history.remove(event.query_id);
    page.session.count(event.query_id, false);
  }
  page.changes += 1;
  drawHistory(page);
  drawRemark(page);
  drawProgress(page);
  note(`Not kept: ${sentence}`, 12000);
  readSoon(page);
}

function readSoon(page) {
  clearTimeout(page.newsTimer);
  page.newsTimer = setTimeout(() => readNews(page), SOON_MS);
}

export async function readNews(page) {
  clearTimeout(page.newsTimer);
  const before = page.changes;
  const { view } = page.hand;
  try {
    const run = view ? `?run=${encodeURIComponent(view.query.run_id)}` : "";
    const answer = await get(`/api/state${run}`);
    const found = await answer.json();
    if (isElsewhere(page.said, found)) {
      location.reload(); // nothing here holds there
      return;
    }
    take(page, found, before);
  } catch (error) {
    page.trouble.set(troubleOf(error), error.message);
  }
  page.trouble.repeat();
  const wait = waitUntilNext(document.hidden || page.ended, Boolean(page.settings.rater));
  page.newsTimer = setTimeout(() => readNews(page), wait);
}

export function waitUntilNext(isHidden, isKnown) {
  if (isHidden) return HIDDEN_MS;
  return isKnown ? VISIBLE_MS : FIRST_MS;
}

// Whether the server speaks for another rater, or of another database, than it did before.
export function isElsewhere(before, found) {
  return ["rater", "database"].some((name) => before?.[name] && found[name] !== before[name]);
}

function take(page, found, before) {
  page.said = found;
  begin(page, found);
  takeReturn(page);
  page.trouble.reached();
  // a state from before an answer, or while some are on the way, knows less than this page
  if (before === page.changes && page.outbox.size === 0 && found.history) {
    const { id, ...criterion } = found.run;
    const queryOf = (row) => ({ ...criterion, id: row.query_id, run_id: id, clip: row.clip });
    page.history.replace(found.history, queryOf);
    page.remarks.replace(found.remarks);
    drawRemark(page);
    drawHistory(page);
  }
  page.guidelines.offer(found);
  drawProgress(page);
  drawDoubts(page);
  if (byId("panel").open) page.panel.draw(found);
  else page.panel.remember(found.trainer);
  if (!page.hand.view) showWaiting(page);
}

function begin({ outbox, settings, supply }, found) {
  if (outbox.owner?.database !== found.database) outbox.open(found.rater, found.database);
  if (settings.rater) return;
  for (const name of Object.keys(settings)) settings[name] = found[name];
  drawHelp(found.run?.class_names.length ?? 0, settings.key_base);
  supply.fill();
}
