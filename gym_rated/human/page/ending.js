// The end: the server says when it ends on purpose, which a lost network never does.

import { showWaiting } from "./showing.js";
import { get } from "./server.js";

const LATER_MS = 300; // a question not worth asking now
const AGAIN_MS = 3000; // one that nobody answered
const SETTLED_MS = 3000; // a server that ends may still answer what it was asked before

// Keeps one question open while the page is seen (a browser has few connections to give), and takes
// what is said at the end.
export async function watchForEnd(page) {
  for (;;) {
    if (document.hidden || !page.settings.rater) await pause(LATER_MS);
    else {
      const end = await askForEnd(page);
      if (end) takeEnd(page, end);
      if (end !== undefined) await pause(AGAIN_MS);
    }
  }
}

function pause(forMs) {
  return new Promise((resolve) => {
    setTimeout(resolve, forMs);
  });
}

// Returns how it ends; undefined: it goes on, null: nobody answered.
async function askForEnd({ hand, said }) {
  const run = hand.view?.query.run_id ?? said?.run?.id;
  try {
    const answer = await get(`/api/end${run ? `?run=${encodeURIComponent(run)}` : ""}`);
    return answer.status === 204 ? undefined : ((await answer.json()).end ?? null);
  } catch {
    return null;
  }
}

// What is in hand cannot be rated any more: nobody would take it.
export function takeEnd(page, end) {
  page.ended = end;
  page.endedAt = performance.now();
  page.hand.dismiss(page.endedAt);
  page.trouble.set("ended");
  showWaiting(page);
}

// The server answers again, if it is not the one that just said goodbye.
export function takeReturn(page) {
  if (!page.ended || performance.now() - page.endedAt < SETTLED_MS) return;
  page.ended = null;
  page.supply.fill();
}

export const isOver = (page) => Boolean(page.ended || page.said?.end);
