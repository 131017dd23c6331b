// What is wrong at the moment, if anything: "offline", "busy", "full" or "stranger".

export class Trouble {
  // Calls onChange(kind or null, number of answers kept) whenever it is said anew.
  constructor(outbox, onChange) {
    this.outbox = outbox;
    this.onChange = onChange;
    this.kind = null;
  }

  // A full disk stays one until what is kept here has been written; null: nothing is wrong.
  set(kind) {
    if (kind === null && this.isStillFull) return;
    this.kind = kind;
    this.onChange(kind, this.outbox.size);
  }

  // The server has answered.
  reached() {
    if (this.kind && !this.isStillFull) this.set(null);
    if (this.outbox.size) this.outbox.send();
  }

  // What is kept may have become more.
  repeat() {
    if (this.kind) this.set(this.kind);
  }

  get isStillFull() {
    return this.kind === "full" && this.outbox.size > 0;
  }
}
