// What a rater has in hand: the clip in view, the one that a correction interrupted, those to come.

const LONGEST_MS = 86400000; // a day, the most that the server takes

export class Hand {
  constructor(now) {
    this.view = null; // { key, query, isCorrection, rating, isDone, readyAt, wait }
    this.setAside = null; // the query that a correction interrupted
    this.queue = []; // queries to come, their clips on the way
    this.idleSince = now;
  }

  // Numbers of the queries that are held; an answer that is corrected is not held any more.
  get ids() {
    const current = this.view && !this.view.isCorrection ? this.view.query : null;
    return [current, this.setAside, ...this.queue].filter(Boolean).map((query) => query.id);
  }

  // Brings a query into view, to be answered or, with the rating it has, to be corrected.
  open(query, correction = null) {
    this.view = {
      key: keyOf(query),
      query,
      isCorrection: Boolean(correction),
      rating: correction?.rating ?? null,
      isDone: false,
      readyAt: 0, // when it was seen first, 0: not yet
      wait: 0, // how long it must be seen before it may be rated
    };
    return this.view;
  }

  // The clip in view was covered until now: for how long it is seen counts from here.
  beginAgain(now) {
    if (this.view?.readyAt) this.view.readyAt = now;
  }

  // Nothing is in view, and nothing is left to show.
  empty(now) {
    this.view = null;
    this.idleSince = now;
  }

  // Nothing in hand will be asked for any more.
  dismiss(now) {
    this.queue = [];
    this.setAside = null;
    this.empty(now);
  }

  // What was in view comes again after what interrupts it now.
  putBack() {
    if (this.view && !this.view.isDone) this.queue.unshift(this.view.query);
  }

  interrupt() {
    if (this.view && !this.view.isCorrection && !this.view.isDone) this.setAside = this.view.query;
  }

  // Whether a correction was left; what it interrupted comes next.
  leaveCorrection() {
    if (!this.view?.isCorrection) return false;
    if (this.setAside) this.queue.unshift(this.setAside);
    this.setAside = null;
    this.view = null;
    return true;
  }

  mayRate(rating) {
    if (!this.view || this.view.isDone) return false;
    return rating >= 0 && rating < this.view.query.class_names.length;
  }
}

export const keyOf = (query) => `${query.id}/${query.clip}`;

// Whether an answer says something new; a correction to the same class does not.
export function isNews({ isCorrection, rating: before }, rating) {
  return !isCorrection || (rating ?? -1) !== before;
}

// What is sent to the server; a rating of null: can't tell.
export function deedOf({ query, readyAt }, rating, now) {
  const shown = readyAt ? Math.round(now - readyAt) : 0;
  const kind = rating === null ? { kind: "skip" } : { kind: "rate", rating };
  return { query_id: query.id, ...kind, shown_ms: Math.min(shown, LONGEST_MS) };
}
