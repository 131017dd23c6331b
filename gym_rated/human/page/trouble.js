// What is wrong at the moment, if anything: "offline", "busy", "full" or "stranger"; or "ended",
// where nothing is wrong, but a server that does not answer need not.

export class Trouble {
  // Calls onChange(kind or null, number of answers kept, the server's own words if any) whenever it
  // is said anew; isOver() says whether nothing more is asked for.
  constructor(outbox, onChange, isOver = () => false) {
    Object.assign(this, { outbox, onChange, isOver });
    this.kind = null;
    this.words = null;
  }

  // A full disk stays one until what is kept here has been written; null: nothing is wrong.
  set(kind, words = null) {
    if (kind === null && this.isStillFull) return;
    this.kind = kind === "offline" && this.isOver() ? "ended" : kind;
    this.words = words;
    this.onChange(this.kind, this.outbox.size, words);
  }

  // The server has answered.
  reached() {
    if (this.kind && !this.isStillFull) this.set(null);
    if (this.outbox.size) this.outbox.send();
  }

  // What is kept may have become more.
  repeat() {
    if (this.kind) this.set(this.kind, this.words);
  }

  get isStillFull() {
    return this.kind === "full" && this.outbox.size > 0;
  }
}
