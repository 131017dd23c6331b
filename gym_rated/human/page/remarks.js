// Flags and comments on clips: what a rater says of them beside the ratings. What is on its way to
// the server counts as said.

const NOTHING = { flagged: false, comment: "" };
const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu; // no part of a line of text

export class Remarks {
  constructor(outbox) {
    this.outbox = outbox;
    this.said = new Map(); // number of a query -> { flagged, comment }
    this.rows = []; // what the server lists, the newest first
  }

  of(queryId) {
    return this.said.get(queryId) ?? NOTHING;
  }

  // What the server says of a clip that it hands out.
  learn({ id, flagged = false, comment = "" }) {
    if (!this.said.has(id)) this.said.set(id, { flagged, comment });
  }

  // What the server lists; what is on its way is newer.
  replace(rows) {
    this.rows = rows;
    const ahead = new Set(this.outbox.remarked());
    for (const { query_id: id, flagged, comment } of rows) {
      if (!ahead.has(id)) this.said.set(id, { flagged, comment });
    }
  }

  // Says something else of a clip; returns whether it is news.
  change(queryId, changes) {
    const before = this.of(queryId);
    const now = { ...before, ...changes };
    if (now.flagged === before.flagged && now.comment === before.comment) return false;
    this.said.set(queryId, now);
    this.outbox.add({ query_id: queryId, kind: "remark", ...now });
    return true;
  }

  // The server did not take it: what stands, it will say.
  forget(queryId) {
    this.said.delete(queryId);
  }

  // Those to list, as the server had them last.
  get standing() {
    const now = this.rows.map((row) => ({ ...row, ...this.of(row.query_id) }));
    return now.filter(({ flagged, comment }) => flagged || comment);
  }
}

// One line of text, as long as the server takes.
export function asLine(text, longest) {
  const line = text.replaceAll(CONTROL, " ").trim();
  return [...line].slice(0, longest).join("").trim();
}
