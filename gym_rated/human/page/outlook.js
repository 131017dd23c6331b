// What goes on while a rater waits, and for how much longer.

import { counted } from "./dom.js";
import { minutesAgo } from "./words.js";

export const inSteps = (number) => number.toLocaleString("en");

// What a rater who waits wants to know: { headline, detail }.
export function waitingWords(said) {
  const { run, trainer, outlook, problem } = said;
  if (!run) {
    const detail = "No run has begun in this database yet. Clips appear here by themselves.";
    return { headline: "Waiting for a run", detail };
  }
  const step = trainer ? inSteps(trainer.step) : "";
  const until = outlook.until === null ? "" : ` It asks you again at step ${inSteps(outlook.until)}.`;
  const [headline, detail] = {
    drawing: ["Drawing your next clips", `${counted(outlook.num, "clip", "clips")} to come.`],
    others: ["The others have the rest", othersWords(outlook.num)],
    learning: ["Learning from your ratings", "The reward is fitted to them; then the agent trains on it."],
    training: ["The agent is training", `It is at step ${step}.${until}`],
    finishing: ["The agent is training", `It is at step ${step}.`],
    silent: ["Waiting for the training", `It was at step ${step}, ${minutesAgo(trainer ?? {})}. ${SILENT}`],
    nothing: ["Waiting for the training", "None has been seen yet. Clips appear here by themselves."],
  }[outlook.what];
  return { headline, detail: [detail, problem].filter(Boolean).join(" ") };
}

const SILENT = "It may have been stopped; your ratings are safe.";

function othersWords(num) {
  const clips = counted(num, "clip is", "clips are");
  return `${clips} open with other raters. The agent goes on once they are done.`;
}

// Seconds that are left of what goes on, so many milliseconds after it was said; null: not known.
export function remainingSeconds(outlook, sinceMs) {
  if (typeof outlook?.left_s !== "number") return null;
  return outlook.left_s - sinceMs / 1000;
}

export function leftWords(seconds) {
  if (seconds < 1.5) return "Any moment now";
  if (seconds < 10) return `About ${Math.ceil(seconds)} s left`;
  if (seconds < 90) return `About ${5 * Math.ceil(seconds / 5)} s left`;
  const minutes = Math.round(seconds / 60);
  return `About ${minutes < 90 ? `${minutes} min` : `${(seconds / 3600).toFixed(1)} h`} left`;
}
