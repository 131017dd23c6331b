// Flagging the clip in view, and writing a comment on it. Neither answers it.

import { byId, setText } from "./dom.js";
import { note } from "./notices.js";
import { drawHistory } from "./progress.js";
import { asLine } from "./remarks.js";

const NO_CLIP = "There is no clip to flag or to comment on.";

let written = null; // the number of the query that is commented on

export function flag(page) {
  const query = queryInView(page);
  if (!query) return;
  const flagged = !page.remarks.of(query.id).flagged;
  change(page, query.id, { flagged });
  setText(byId("announce"), flagged ? "Flagged." : "No longer flagged.");
}

export function openComment(page) {
  const query = queryInView(page);
  if (!query) return;
  written = query.id;
  const line = byId("comment-line");
  line.value = page.remarks.of(written).comment;
  byId("comment-box").showModal();
  line.select();
}

export function saveComment(page) {
  const line = byId("comment-line");
  const comment = asLine(line.value, line.maxLength);
  closeComment();
  if (!change(page, written, { comment })) return;
  setText(byId("announce"), comment ? "Comment saved." : "Comment removed.");
}

// A line that is hidden keeps the keys until the page is drawn again: the next one may come sooner.
export function closeComment() {
  byId("comment-line").blur();
  byId("comment-box").close();
}

function queryInView({ hand }) {
  if (!hand.view) note(NO_CLIP);
  return hand.view?.query;
}

function change(page, queryId, changes) {
  if (!page.remarks.change(queryId, changes)) return false;
  page.changes += 1;
  drawRemark(page);
  drawHistory(page);
  return true;
}

// The two buttons, as they are for the clip in view.
export function drawRemark({ hand, remarks }) {
  const { view } = hand;
  const { flagged, comment } = remarks.of(view?.query.id);
  byId("flag").setAttribute("aria-pressed", String(flagged));
  byId("flag").title = flagged ? "Flagged; take the flag away (F)" : "Something is wrong with this clip (F)";
  const button = byId("comment");
  button.dataset.written = String(Boolean(comment));
  button.title = comment ? `${comment} (C)` : "Comment on this clip (C)";
  button.setAttribute("aria-label", comment ? `Comment: ${comment}. Change it` : "Comment on this clip");
  for (const id of ["flag", "comment"]) byId(id).setAttribute("aria-disabled", String(!view));
}
