// What the rater did and the server has not confirmed. It lies in localStorage, one entry a key, so
// that a reload, a crash, or a second tab loses and overwrites nothing; each entry is sent in its
// turn, under its own client_id, until the server says that it has it.

import { newId } from "./dom.js";
import { patience, sentenceOf, troubleOf } from "./server.js";

const PREFIX = "gym_rated/outbox/";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;
const REFUSALS = new Set([409, 422]); // of the answer itself: whatever else is wrong may pass

export class Outbox {
  // Calls onSaved(entry, answer), onRefused(entry, sentence), and onTrouble(kind or null, words),
  // where kind is "offline", "full", "busy" or "stranger".
  constructor({ onSaved, onRefused, onTrouble }) {
    Object.assign(this, { onSaved, onRefused, onTrouble });
    this.memory = new Map(); // entries that localStorage had no room for
    this.owner = null;
    this.sending = false;
    this.timer = 0;
    this.wait = FIRST_WAIT_MS;
    this.last = 0;
    addEventListener("online", () => this.send());
  }

  // Sends on behalf of one rater at one database; what others left in this browser stays there.
  open(rater, database) {
    this.owner = { rater, database };
    this.send();
  }

  add(event) {
    const entry = { event: { client_id: newId(), ...event }, ...this.owner };
    const newest = Number(this.entries().at(-1)?.[0].slice(PREFIX.length).split("/")[0] ?? 0);
    this.last = Math.max(this.last + 1, newest + 1, Date.now()); // a clock may be set back
    const key = `${PREFIX}${String(this.last).padStart(15, "0")}/${entry.event.client_id}`;
    try {
      localStorage.setItem(key, JSON.stringify(entry));
    } catch {
      this.memory.set(key, entry);
    }
    this.send();
    return entry.event.client_id;
  }

  entries() {
    const found = [...this.memory];
    for (let k = 0; k < localStorageLength(); k++) {
      const key = localStorage.key(k);
      if (key?.startsWith(PREFIX)) found.push([key, parse(localStorage.getItem(key))]);
    }
    return found.filter(([, entry]) => this.owns(entry)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  owns(entry) {
    if (!entry || !this.owner) return false;
    return entry.rater === this.owner.rater && entry.database === this.owner.database;
  }

  get size() {
    return this.entries().length;
  }

  // Clips that have an answer on the way.
  answered() {
    const deeds = this.entries().filter(([, { event }]) => event.kind !== "remark");
    const last = new Map(deeds.map(([, { event }]) => [event.query_id, event.kind]));
    return [...last].filter(([, kind]) => kind !== "undo").map(([id]) => id);
  }

  // Clips that have a flag or a comment on the way.
  remarked() {
    const remarks = this.entries().filter(([, { event }]) => event.kind === "remark");
    return remarks.map(([, { event }]) => event.query_id);
  }

  send() {
    clearTimeout(this.timer);
    if (!this.sending && this.owner) this.sendAll();
  }

  async sendAll() {
    this.sending = true;
    try {
      for (let next = this.entries()[0]; next; next = this.entries()[0]) {
        if (!(await this.sendOne(...next))) {
          this.timer = setTimeout(() => this.send(), this.wait);
          this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
          return;
        }
        this.wait = FIRST_WAIT_MS;
      }
      this.onTrouble(null);
    } finally {
      this.sending = false;
    }
  }

  async sendOne(key, entry) {
    let answer;
    try {
      const { path, body } = requestOf(entry.event);
      answer = await fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json", "x-rater": encodeURIComponent(entry.rater) },
        body: JSON.stringify(body),
        keepalive: true,
        signal: patience(),
      });
      if (answer.ok) {
        const written = await answer.json();
        this.remove(key);
        this.onSaved(entry.event, written);
        return true;
      }
    } catch {
      this.onTrouble("offline");
      return false;
    }
    if (!REFUSALS.has(answer.status)) {
      const isFull = answer.status === 507;
      this.onTrouble(isFull ? "full" : troubleOf(answer), await sentenceOf(answer));
      return false;
    }
    this.remove(key);
    this.onRefused(entry.event, await sentenceOf(answer));
    return true;
  }

  remove(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // it was never there
    }
  }
}

// A remark is no answer, and a segment that was chosen has no query yet: both have addresses of their
// own.
function requestOf({ kind, ...rest }) {
  if (kind === "remark") return { path: "/api/remarks", body: rest };
  if (kind === "segment") return { path: "/api/segments", body: rest };
  return { path: "/api/events", body: { ...rest, kind } };
}

function localStorageLength() {
  try {
    return localStorage.length;
  } catch {
    return 0; // switched off in this browser
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
