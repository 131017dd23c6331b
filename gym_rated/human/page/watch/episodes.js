// Episodes one after another: each is fetched while the one before is shown.

import { byId, setText } from "../dom.js";
import { setStage } from "../drawing.js";
import { hideNote, note } from "../notices.js";
import { get, troubleOf } from "../server.js";
import { Seen } from "./marking.js";
import { redraw } from "./rating.js";

const AGAIN_MS = 700;

// Asks until the server answers.
export async function ask(page, path) {
  for (;;) {
    try {
      const answer = await (await get(path)).json();
      page.trouble.reached();
      return answer;
    } catch (error) {
      page.trouble.set(troubleOf(error));
      await pause();
    }
  }
}

function pause() {
  return new Promise((resolve) => {
    setTimeout(resolve, AGAIN_MS);
  });
}

// Gets the episode after one, as soon as it was played, and shows it if somebody waits for it.
export async function fetchAfter(page, last) {
  const { episode, played, problem } = await ask(page, `/api/episodes?after=${last}`);
  const again = () => setTimeout(() => fetchAfter(page, last), AGAIN_MS);
  if (!episode) {
    sayWhy(page, played, problem);
    again();
    return;
  }
  try {
    page.ready = { episode, bytes: await (await get(`/film/${episode.id}`)).blob() };
    if (!page.episode || page.isDue) showNext(page);
  } catch {
    again();
  }
}

function sayWhy(page, played, problem) {
  if (page.episode) {
    if (problem) note(`No new episode: ${problem}`);
  } else if (problem) setStage("unplayable", "No episode can be played", problem);
  else setStage("loading", "An episode is being played", played ? `step ${played}` : "");
}

export function showNext(page) {
  const { episode, bytes } = page.ready;
  const { about, film, curve } = page;
  const steps = episode.sizes.length;
  page.ready = null;
  page.isDue = false;
  page.episode = episode;
  page.seen = new Seen(steps);
  curve.draw({ learned: episode.learned, steps });
  film.open(bytes, episode.sizes, { fps: episode.fps, segmentLength: about.segment_length });
  setStage("shown");
  byId("no-reward").hidden = Boolean(episode.learned);
  const trained = `trained for ${episode.step.toLocaleString("en")} steps`;
  const cut = episode.is_cut ? ", its beginning" : "";
  setText(byId("episode"), `Episode ${episode.number + 1}${cut}, ${trained}`);
  setText(byId("what"), "Learned reward");
  redraw(page);
  fetchAfter(page, episode.id);
}

// Shows what the environment paid; the episode takes no rating from here on, so that those which
// were given before are sent first.
export async function showTruth(page) {
  const { episode, curve, outbox } = page;
  if (!episode) return;
  if (outbox.size) note("The true reward is shown once your ratings are saved.", 0);
  while (outbox.size) await pause();
  hideNote();
  const { rewards } = await ask(page, `/api/truth/${episode.id}`);
  episode.told = true;
  if (page.episode !== episode) return;
  curve.draw({ learned: episode.learned, truth: rewards, steps: episode.sizes.length });
  const sum = rewards?.reduce((total, one) => total + one, 0).toPrecision(4);
  const words = rewards ? `dashed the true one, ${sum} in all` : "the environment pays no number";
  setText(byId("what"), `Learned reward; ${words}`);
  redraw(page);
}
