// Which clip the stage shows, and what it says while it shows none.

import { causeOf, remade } from "./broken.js";
import { byId, setText } from "./dom.js";
import { closeClasses, drawClasses, drawCriterion, openClasses, setStage } from "./drawing.js";
import { keyOf } from "./hand.js";
import { hideNote, note, noteSticks } from "./notices.js";
import { waitingWords } from "./outlook.js";
import { drawHistory } from "./progress.js";
import { drawRemark } from "./remarking.js";
import { endingWords } from "./words.js";

const DAMAGED =
  "Its file is damaged. It is being made anew; “Can’t tell” goes on with the next one.";
const NOBODY = { headline: "Waiting for the server", detail: "" };
const LOADING_AFTER_MS = 250;
const RETRY_MS = 1500;
const LONG_WAIT_MS = 3000; // one who waited this long may look elsewhere

export function showNext(page) {
  const query = page.hand.queue.shift();
  if (query) show(page, query);
  else {
    page.hand.empty(performance.now());
    showWaiting(page);
  }
  page.supply.fill();
}

// Decodes the next clip behind the one that is shown.
export async function prepareNext({ hand, cache, player }) {
  const [next] = hand.queue;
  if (!next || !hand.view?.readyAt) return;
  try {
    const clip = await cache.get(next.clip);
    if (hand.queue[0] === next && hand.view?.readyAt) await player.prepare(keyOf(next), clip);
  } catch {
    // it will be said when the clip is due
  }
}

export async function show(page, query, correction = null) {
  const { hand } = page;
  const waited = hand.view ? 0 : performance.now() - hand.idleSince;
  const view = hand.open(query, correction);
  drawAround(page, view);
  // a clip that is there already is shown without a flash of "loading"
  const loading = setTimeout(() => {
    if (hand.view === view && !view.readyAt) setStage("loading", "Loading the clip");
  }, LOADING_AFTER_MS);
  try {
    if (!(await bring(page, view))) return;
    if (waited > LONG_WAIT_MS) page.sound.play();
    prepareNext(page);
  } catch (error) {
    clearTimeout(loading); // or it would hide what is said now
    if (hand.view === view) await recover(page, view, error);
  } finally {
    clearTimeout(loading);
  }
}

function drawAround(page, view) {
  disarm(page);
  drawCriterion(view.query);
  drawClasses(view.query.class_names, view.rating, page.settings.key_base, page.onChoose);
  drawRemark(page);
  page.history.open = view.isCorrection ? view.query.id : null;
  drawHistory(page);
  if (view.isCorrection) {
    note("Choose another answer. Esc, or the same picture again, leaves it as it is.", 0);
  } else if (noteSticks()) hideNote();
}

// Whether the clip is on the stage; false if something else came into view meanwhile.
async function bring(page, view) {
  const { hand, cache, player, settings } = page;
  const clip = await cache.get(view.query.clip);
  if (hand.view !== view) return false;
  if (!(await player.show(view.key, clip, view.query)) || hand.view !== view) return false;
  view.readyAt = performance.now();
  view.wait = 1000 * Math.min(settings.min_view_s, clip.frames / clip.fps / player.speed);
  page.stage.dataset.query = view.query.id;
  setStage("shown");
  page.meanwhile.clear();
  page.armTimer = setTimeout(() => hand.view === view && openClasses(), view.wait);
  return true;
}

function showAgain(page, view) {
  return show(page, view.query, view.isCorrection ? { rating: view.rating } : null);
}

async function recover(page, view, error) {
  const cause = causeOf(error, page.cache.asWebp);
  if (cause === "damaged") showBroken(page, view);
  else if (cause === "unreached") {
    page.trouble.set("offline"); // the clip did not arrive: again, a little later
    setStage("loading", "Waiting for the server");
    setTimeout(() => page.hand.view === view && showAgain(page, view), RETRY_MS);
  } else {
    page.cache.useWebp();
    note("This browser cannot play this video (H.264), so clips are shown as pictures that move.");
    await showAgain(page, view);
  }
}

export async function showBroken(page, view) {
  view.readyAt = 0;
  page.player.clear();
  disarm(page);
  if (page.cache.asWebp) page.cache.useVideo(); // it was the clip, not the browser
  hideNote();
  setStage("unplayable", "This clip cannot be played", DAMAGED);
  const again = await remade(page, view);
  if (again && page.hand.view === view) show(page, again);
}

export function showWaiting(page) {
  const { said, settings, stage } = page;
  page.player.clear();
  disarm(page);
  drawRemark(page);
  setText(byId("duration"), "");
  delete stage.dataset.query;
  sayWhy(page);
  if (said?.run) drawCriterion(said.run);
  drawClasses(said?.run?.class_names ?? [], null, settings.key_base, page.onChoose);
}

// Why there is no clip: it is over, the server is away, or the next one is not there yet.
function sayWhy(page) {
  const { said, ended, trouble, meanwhile } = page;
  const isAway = ["offline", "ended"].includes(trouble.kind);
  const end = ended === "finished" ? ended : (said?.end ?? ended);
  const isKnown = said && !isAway;
  if (end) sayEnd(page, end, isAway);
  else sayWaiting(page, isKnown);
  meanwhile.expect(isKnown && end !== "finished" ? said.outlook : null, performance.now());
}

function sayEnd({ said, outbox, meanwhile }, end, isAway) {
  const { headline, detail } = endingWords(end, isAway, outbox.size);
  setStage("ended", headline, detail);
  if (said?.story) meanwhile.showStory(said);
  else meanwhile.clear();
}

function sayWaiting({ said, meanwhile }, isKnown) {
  const { headline, detail } = isKnown ? waitingWords(said) : NOBODY;
  setStage("waiting", headline, detail);
  if (said?.newest) meanwhile.showNewest(said);
}

function disarm(page) {
  clearTimeout(page.armTimer);
  closeClasses();
}
