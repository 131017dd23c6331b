// A clip that cannot be shown: why, and waiting until it has been made anew.

import { Damaged } from "./clips.js";
import { post } from "./server.js";

const FIRST_LOOK_MS = 1500;
const NEXT_LOOK_MS = 3000;

// What an error at showing a clip means: "damaged" is its file, "unreached" the server, "codec" is
// one that this browser may lack.
export function causeOf(error, asWebp) {
  if (error instanceof Damaged) return "damaged";
  const isUnreached = error.name === "TypeError" || "status" in error;
  if (isUnreached || /server answered/.test(error.message)) return "unreached";
  return asWebp ? "damaged" : "codec";
}

// Has a clip made anew; returns its query with the new clip, or null if the rater went on.
export async function remade({ hand, supply }, view) {
  try {
    await post("/api/unplayable", { query_id: view.query.id });
  } catch {
    return null;
  }
  for (let wait = FIRST_LOOK_MS; ; wait = NEXT_LOOK_MS) {
    await new Promise((resolve) => {
      setTimeout(resolve, wait);
    });
    if (hand.view !== view) return null;
    try {
      const again = await supply.ask(hand.queue.map((query) => query.id));
      const isNewClip = again?.id === view.query.id && again.clip !== view.query.clip;
      if (hand.view === view && isNewClip) return again;
    } catch {
      // look again
    }
  }
}
