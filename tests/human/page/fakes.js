// What a browser gives to the page and node does not: a storage, a server, events of the window.

export class FakeStorage {
  constructor({ isFull = false } = {}) {
    this.items = new Map();
    this.isFull = isFull;
  }

  get length() {
    return this.items.size;
  }

  key(k) {
    return [...this.items.keys()][k] ?? null;
  }

  getItem(key) {
    return this.items.get(key) ?? null;
  }

  setItem(key, value) {
    if (this.isFull) throw new Error("QuotaExceededError");
    this.items.set(key, String(value));
  }

  removeItem(key) {
    this.items.delete(key);
  }
}

// A server that gives these answers in turn, the last one for ever; a number is a status without a
// body, null is no answer at all. Notes what it was asked.
export class FakeServer {
  constructor(...answers) {
    this.answers = answers;
    this.requests = [];
  }

  fetch(path, options = {}) {
    this.requests.push({ path, headers: options.headers, body: read(options.body) });
    const next = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    if (next === null) return Promise.reject(new TypeError("fetch failed"));
    const answer = typeof next === "number" ? new Response(null, { status: next }) : next();
    return Promise.resolve(answer);
  }

  get paths() {
    return this.requests.map((request) => request.path);
  }

  get bodies() {
    return this.requests.map((request) => request.body);
  }
}

const read = (body) => (body === undefined ? null : JSON.parse(body));

export const json = (value, status = 200) => () => Response.json(value, { status });

// Puts a name where the page looks for it.
export function provide(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

export function serve(...answers) {
  const server = new FakeServer(...answers);
  provide("fetch", (path, options) => server.fetch(path, options));
  return server;
}

// Lets everything run that waits for no clock.
export const settle = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export const query = (id, more = {}) => ({
  id,
  clip: `clip${id}`,
  run_id: "r1",
  class_names: ["bad", "fair", "good"],
  ...more,
});
