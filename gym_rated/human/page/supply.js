// Where clips come from: a few are asked for ahead, their leases renewed while someone is there.

import { get, troubleOf } from "./server.js";

const AHEAD = 2; // clips fetched before they are needed
const IDLE_MS = 1500;
const OVER_MS = 15000; // the server has said that it ends
const STALE_MS = 80000; // the server's lease is 90 s
const MOST_EXCLUDED = 100;

export class Supply {
  // Calls onArrived(query), onReached() when the server has answered, onTrouble(kind), and
  // onEmpty() when there is nothing to show.
  constructor({ hand, outbox, settings, activity }, { onArrived, onReached, onTrouble, onEmpty }) {
    Object.assign(this, { hand, outbox, settings, activity });
    Object.assign(this, { onArrived, onReached, onTrouble, onEmpty });
    this.isAsking = false;
    this.isOver = () => false;
    this.timer = 0;
    this.heldAt = Date.now(); // a clock that goes on while the machine sleeps
  }

  // Returns one query that is none of those excluded, or null.
  async ask(exclude) {
    const answer = await get(`/api/next?exclude=${exclude.slice(0, MOST_EXCLUDED).join(",")}`, {
      "x-rater": encodeURIComponent(this.settings.rater),
    });
    this.heldAt = Date.now();
    return answer.status === 204 ? null : answer.json();
  }

  async fill() {
    clearTimeout(this.timer);
    if (this.isAsking || !this.settings.rater) return;
    this.isAsking = true;
    let isShort = true;
    try {
      isShort = !(await this.fetchAhead());
      this.onReached();
    } catch (error) {
      isShort = true;
      this.onTrouble(troubleOf(error), error.message);
    } finally {
      this.isAsking = false;
    }
    if (!this.hand.view) this.onEmpty();
    if (isShort) this.timer = setTimeout(() => this.fill(), this.isOver() ? OVER_MS : IDLE_MS);
  }

  // Whether as many came as are wanted.
  async fetchAhead() {
    while (this.hand.queue.length < AHEAD || !this.hand.view) {
      const query = await this.ask([...new Set([...this.hand.ids, ...this.outbox.answered()])]);
      if (!query) return false;
      if (this.isNew(query)) {
        this.hand.queue.push(query);
        this.onArrived(query);
      }
    }
    return true;
  }

  isNew(query) {
    return !this.hand.ids.includes(query.id) && !this.outbox.answered().includes(query.id);
  }

  get isStale() {
    return Date.now() - this.heldAt > STALE_MS;
  }

  // After a sleep, clips that were fetched ahead may be someone else's.
  freshen() {
    if (this.isStale) this.hand.queue = [];
    this.fill();
  }

  async renew() {
    if (document.hidden || this.activity.isAway(performance.now())) return;
    if (this.isStale) {
      this.freshen();
      return;
    }
    const held = this.hand.ids;
    if (!held.length) return;
    try {
      // asking for the last of those in hand renews all, and leases no other
      const query = await this.ask(held.slice(0, -1));
      if (query && this.isNew(query)) this.hand.queue.push(query);
    } catch {
      // the next answer will tell
    }
  }
}
