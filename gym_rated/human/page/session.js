// How many clips were rated in this tab; a reload does not start anew.

const KEY = "gym_rated/session";

export class Session {
  constructor() {
    try {
      this.rated = new Set(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
    } catch {
      this.rated = new Set();
    }
  }

  get size() {
    return this.rated.size;
  }

  count(queryId, isRated) {
    if (isRated) this.rated.add(queryId);
    else this.rated.delete(queryId);
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...this.rated]));
    } catch {
      // only counted until the next reload, then
    }
  }
}
