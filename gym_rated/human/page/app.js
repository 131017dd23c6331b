// The page: a clip, an answer, the next clip. An answer is written to the outbox and the next clip
// is shown at once; what the server says arrives later, and nothing is lost in between.

import { ClipCache, Damaged } from "./clips.js";
import { byId, setText } from "./dom.js";
import { closeClasses, drawClasses, drawCriterion, drawHelp, flash, openClasses, setStage } from "./drawing.js";
import { History } from "./history.js";
import { listen } from "./keys.js";
import { hideNote, note, noteSticks, showTrouble } from "./notices.js";
import { Outbox, sentenceOf } from "./outbox.js";
import { outlook, Panel } from "./panel.js";
import { Player } from "./player.js";
import { Session } from "./session.js";
import { Sound } from "./sound.js";

const AHEAD = 2; // clips fetched before they are needed
const IDLE_MS = 1500;
const STATE_MS = 5000;
const RENEW_MS = 30000; // the server's lease is 90 s
const STALE_MS = 80000;
const AWAY_MS = 10 * 60000; // without a key or a touch, clips go back to the others
const BREAK_MS = 20 * 60000;
const PATIENCE_MS = 15000;

const settings = { rater: "", min_view_s: 0.5, key_base: 1 };
const stage = byId("stage");
const cache = new ClipCache();
const sound = new Sound();
const panel = new Panel(byId("numbers"), sound);
const player = new Player(stage, byId("time"), (key) => view?.key === key && showBroken(view));
const history = new History(byId("history"), cache, correct);
const outbox = new Outbox({ onSaved, onRefused, onTrouble });
const session = new Session();

let view = null; // { key, query, isCorrection, rating, isDone, readyAt, wait }
let setAside = null; // the query that a correction interrupted
let queue = []; // queries to come, their clips on the way
let state = null; // what /api/state said last
let trouble = null;
let isAsking = false;
let changes = 0; // deeds so far: an answer of the server from before one is out of date
let idleSince = performance.now();
let heldAt = Date.now(); // a clock that goes on while the machine sleeps
let activeAt = performance.now();
let activeSince = performance.now();
let hadBreakHint = false;
let askTimer = 0;
let stateTimer = 0;
let armTimer = 0;

// ---- which clip

function inHand() {
  const held = [view && !view.isCorrection ? view.query : null, setAside, ...queue];
  return held.filter(Boolean).map((query) => query.id);
}

async function ask(exclude) {
  const answer = await fetch(`/api/next?exclude=${exclude.slice(0, 100).join(",")}`, {
    headers: { "x-rater": encodeURIComponent(settings.rater) },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (answer.status === 204 || answer.ok) heldAt = Date.now();
  if (answer.status === 204) return null;
  if (!answer.ok) throw Object.assign(new Error(await sentenceOf(answer)), { status: answer.status });
  return answer.json();
}

async function fill() {
  clearTimeout(askTimer);
  if (isAsking || !settings.rater) return;
  isAsking = true;
  let isShort = false;
  try {
    while (queue.length < AHEAD || !view) {
      const query = await ask([...new Set([...inHand(), ...outbox.answered()])]);
      if (!query) {
        isShort = true;
        break;
      }
      if (inHand().includes(query.id) || outbox.answered().includes(query.id)) continue;
      queue.push(query);
      cache.get(query.clip).catch(() => {});
      if (!view) showNext();
      else prepareNext();
    }
    reached();
  } catch (error) {
    isShort = true;
    onTrouble(troubleOf(error));
  } finally {
    isAsking = false;
  }
  if (!view) showWaiting();
  if (isShort) askTimer = setTimeout(fill, IDLE_MS);
}

// After a sleep, clips that were fetched ahead may be someone else's.
function freshen() {
  if (Date.now() - heldAt > STALE_MS) queue = [];
  fill();
}

async function renew() {
  const now = performance.now();
  if (Date.now() - heldAt > STALE_MS && now - activeAt < AWAY_MS && !document.hidden) return freshen();
  const held = inHand();
  if (!held.length || document.hidden || now - activeAt > AWAY_MS) return;
  try {
    // asking for the last of those in hand renews all, and leases no other
    const query = await ask(held.slice(0, -1));
    if (query && !inHand().includes(query.id) && !outbox.answered().includes(query.id)) queue.push(query);
  } catch {
    // the next answer will tell
  }
}

function showNext() {
  const query = queue.shift();
  if (query) show(query);
  else {
    view = null;
    idleSince = performance.now();
    showWaiting();
  }
  fill();
}

async function prepareNext() {
  const next = queue[0];
  if (!next || !view?.readyAt) return;
  try {
    const clip = await cache.get(next.clip);
    if (queue[0] === next && view?.readyAt) await player.prepare(keyOf(next), clip);
  } catch {
    // it will be said when the clip is due
  }
}

const keyOf = (query) => `${query.id}/${query.clip}`;

// ---- showing it

async function show(query, correction = null) {
  const waited = view ? 0 : performance.now() - idleSince;
  const mine = { key: keyOf(query), query, isCorrection: Boolean(correction), rating: correction?.rating ?? null, isDone: false, readyAt: 0, wait: 0 };
  view = mine;
  disarm();
  drawCriterion(query);
  drawClasses(query.class_names, mine.rating, settings.key_base, rate);
  history.open = correction ? query.id : null;
  drawHistory();
  if (correction) note("Choose another answer. Esc, or the same picture again, leaves it as it is.", 0);
  else if (noteSticks()) hideNote();
  // a clip that is there already is shown without a flash of "loading"
  const loading = setTimeout(() => view === mine && !mine.readyAt && setStage("loading", "Loading the clip"), 250);
  try {
    const clip = await cache.get(query.clip);
    if (view !== mine) return;
    setText(byId("duration"), `${(clip.frames / clip.fps).toFixed(1)} s`);
    if (!(await player.show(mine.key, clip)) || view !== mine) return;
    mine.readyAt = performance.now();
    mine.wait = Math.min(1000 * settings.min_view_s, (1000 * clip.frames) / clip.fps);
    stage.dataset.query = query.id;
    setStage("shown");
    armTimer = setTimeout(() => view === mine && openClasses(), mine.wait);
    if (waited > 3000) sound.play();
    prepareNext();
  } catch (error) {
    clearTimeout(loading); // or it would hide what is said now
    if (view === mine) await recover(mine, error);
  } finally {
    clearTimeout(loading);
  }
}

async function recover(mine, error) {
  if (error instanceof Damaged) return showBroken(mine);
  if (error.name === "TypeError" || "status" in error || /server answered/.test(error.message)) {
    onTrouble("offline"); // the clip did not arrive: again, a little later
    setStage("loading", "Waiting for the server");
    setTimeout(() => view === mine && show(mine.query, mine.isCorrection ? { rating: mine.rating } : null), IDLE_MS);
    return;
  }
  if (cache.asWebp) return showBroken(mine);
  cache.useWebp(); // perhaps this browser lacks the codec
  note("This browser cannot play this video (H.264), so clips are shown as pictures that move.");
  await show(mine.query, mine.isCorrection ? { rating: mine.rating } : null);
}

async function showBroken(mine) {
  mine.readyAt = 0;
  player.clear();
  disarm();
  if (cache.asWebp) cache.useVideo(); // it was the clip, not the browser
  hideNote();
  setStage("unplayable", "This clip cannot be played", "Its file is damaged. It is being made anew; “Can’t tell” goes on with the next one.");
  try {
    await fetch("/api/unplayable", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query_id: mine.query.id }),
    });
  } catch {
    return;
  }
  const look = async () => {
    if (view !== mine) return;
    try {
      const again = await ask(queue.map((query) => query.id));
      if (view === mine && again?.id === mine.query.id && again.clip !== mine.query.clip) return show(again);
    } catch {
      // look again
    }
    setTimeout(look, 2 * IDLE_MS);
  };
  setTimeout(look, IDLE_MS);
}

function showWaiting() {
  player.clear();
  disarm();
  setText(byId("duration"), "");
  delete stage.dataset.query;
  const isAway = trouble === "offline";
  setStage("waiting", `Waiting for the ${isAway ? "server" : "next clip"}`, isAway || !state ? "" : outlook(state));
  const names = state?.run?.class_names ?? [];
  if (state?.run) drawCriterion(state.run);
  drawClasses(names, null, settings.key_base, rate);
}

function disarm() {
  clearTimeout(armTimer);
  closeClasses();
}

// ---- answering it

function rate(rating) {
  if (!view || view.isDone || stage.dataset.armed !== "true") return;
  if (rating < 0 || rating >= view.query.class_names.length) return;
  answer("rate", rating);
}

function skip() {
  // a clip that cannot be played can still be left
  if (view && !view.isDone && (stage.dataset.armed === "true" || stage.dataset.state === "unplayable")) answer("skip", null);
}

function answer(kind, rating) {
  const { query, isCorrection } = view;
  const given = rating ?? -1;
  view.isDone = true;
  const name = rating === null ? "can’t tell" : query.class_names[rating];
  flash(rating === null ? byId("skip") : byId("classes").children[rating]);
  if (!isCorrection || given !== view.rating) {
    const shown = view.readyAt ? Math.round(performance.now() - view.readyAt) : 0;
    const picture = player.current?.isReady ? player.current.picture : null;
    const entry = { query_id: query.id, clip: query.clip, rating: given, saved: false, query };
    const place = history.entries.findIndex((old) => old.query_id === query.id);
    if (isCorrection && place >= 0) history.entries[place] = entry;
    else history.add(entry, picture);
    session.count(query.id, rating !== null);
    changes += 1;
    outbox.add({ query_id: query.id, kind, ...(rating === null ? {} : { rating }), shown_ms: Math.min(shown, 86400000) });
    drawHistory();
    setText(byId("announce"), `${isCorrection ? "Changed to" : "Rated"} ${name}.`);
  }
  if (isCorrection) leaveCorrection();
  else showNext();
  drawProgress();
  suggestBreak();
}

function undo() {
  if (view?.isCorrection) return leaveCorrection();
  const last = history.latest;
  if (!last) return note("There is nothing to undo.");
  history.remove(last.query_id);
  session.count(last.query_id, false);
  changes += 1;
  outbox.add({ query_id: last.query_id, kind: "undo" });
  if (view && !view.isDone) queue.unshift(view.query);
  setText(byId("announce"), "Undone. The clip is back.");
  show(last.query);
  drawProgress();
}

function correct(entry) {
  if (view?.isCorrection && view.query.id === entry.query_id) return leaveCorrection();
  if (view && !view.isCorrection && !view.isDone) setAside = view.query;
  show(entry.query, { rating: entry.rating });
}

function leaveCorrection() {
  if (!view?.isCorrection) return;
  hideNote();
  if (setAside) queue.unshift(setAside);
  setAside = null;
  view = null;
  showNext();
}

// ---- what the server says

function onSaved(event) {
  const entry = history.find(event.query_id);
  if (entry) entry.saved = true;
  drawHistory();
  reached();
  readStateSoon(300);
}

function onRefused(event, sentence) {
  if (event.kind !== "undo") {
    history.remove(event.query_id);
    session.count(event.query_id, false);
  }
  changes += 1;
  drawHistory();
  drawProgress();
  note(`Not kept: ${sentence}`, 12000);
  readStateSoon(300);
}

function troubleOf(error) {
  if (error.status === 401) return "stranger";
  return error.status >= 500 ? "busy" : "offline";
}

function reached() {
  if (trouble && (trouble !== "full" || outbox.size === 0)) onTrouble(null);
  if (outbox.size) outbox.send();
}

function onTrouble(kind) {
  if (kind === null && trouble === "full" && outbox.size > 0) return;
  trouble = kind;
  showTrouble(kind, outbox.size);
}

function readStateSoon(after) {
  clearTimeout(stateTimer);
  stateTimer = setTimeout(readState, after);
}

async function readState() {
  clearTimeout(stateTimer);
  const before = changes;
  try {
    const run = view ? `?run=${encodeURIComponent(view.query.run_id)}` : "";
    const reply = await fetch(`/api/state${run}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!reply.ok) throw Object.assign(new Error(await sentenceOf(reply)), { status: reply.status });
    const found = await reply.json();
    const isOther = (name) => state?.[name] && found[name] !== state[name];
    if (isOther("rater") || isOther("database")) return location.reload(); // nothing here holds there
    state = found;
    begin();
    reached();
    if (before === changes && outbox.size === 0 && found.history) {
      const { id, ...criterion } = found.run;
      history.replace(found.history, (row) => ({ ...criterion, id: row.query_id, run_id: id, clip: row.clip }));
      drawHistory();
    }
    drawProgress();
    if (byId("panel").open) panel.draw(state);
    else panel.remember(state.trainer);
    if (!view) showWaiting();
  } catch (error) {
    onTrouble(troubleOf(error));
  }
  if (trouble) onTrouble(trouble);
  stateTimer = setTimeout(readState, document.hidden ? 3 * STATE_MS : settings.rater ? STATE_MS : IDLE_MS);
}

function begin() {
  if (outbox.owner?.database !== state.database) outbox.open(state.rater, state.database);
  if (settings.rater) return;
  for (const name of Object.keys(settings)) settings[name] = state[name];
  drawHelp(state?.run?.class_names.length ?? 0, settings.key_base);
  fill();
}

// ---- drawing

function drawHistory() {
  history.draw((entry) => entry.query?.class_names ?? state?.run?.class_names ?? []);
  byId("undo").setAttribute("aria-disabled", String(!history.latest));
}

function drawProgress() {
  const remaining = state?.remaining ?? 0;
  const total = state?.total ?? 0;
  setText(byId("session"), String(session.size));
  setText(byId("goal"), remaining ? ` / ${session.size + remaining}` : "");
  byId("progress").title = remaining ? `${remaining} more are asked for` : "";
  setText(byId("total"), total.toLocaleString("en"));
  document.title = state?.waiting ? `(${state.waiting}) Rate clips` : "Rate clips";
  byId("page").dataset.outbox = String(outbox.size);
}

function drawPlayback() {
  const isPlaying = stage.dataset.playing === "true";
  byId("pause").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  setText(byId("speed"), `${{ 0.25: "¼", 0.5: "½" }[player.speed] ?? player.speed}×`);
  for (const id of ["slower", "faster"]) byId(id).setAttribute("aria-disabled", String(!player.canStep));
}

function suggestBreak() {
  if (hadBreakHint || performance.now() - activeSince < BREAK_MS) return;
  hadBreakHint = true;
  note("You have rated for 20 minutes. A short break keeps ratings steady.", 15000);
}

function measure() {
  // the clip keeps its size when the page gets longer
  if (!byId("panel").open) stage.style.flex = `0 0 ${stage.getBoundingClientRect().height}px`;
}

function unfold() {
  const isOpen = byId("panel").open;
  if (isOpen && state) panel.draw(state);
  if (!isOpen) stage.style.flex = "";
  byId("page").classList.toggle("unfolded", isOpen);
}

// ---- listening

const help = byId("help");

function toggleHelp() {
  if (help.open) help.close();
  else {
    drawHelp(state?.run?.class_names.length ?? 0, settings.key_base);
    help.showModal();
  }
}

function onClick(id, action) {
  byId(id).addEventListener("click", (event) => {
    if (event.detail > 0) byId(id).blur();
    action();
  });
}

listen(
  {
    digit: (digit) => rate((digit - settings.key_base + 10) % 10),
    skip,
    undo,
    pause: () => player.toggle(),
    restart: () => player.restart(),
    step: (frames) => player.step(frames),
    speed: (by) => player.changeSpeed(by),
    help: toggleHelp,
    leave: leaveCorrection,
  },
  { isHelpOpen: () => help.open },
);
onClick("skip", skip);
onClick("undo", undo);
onClick("pause", () => player.toggle());
onClick("restart", () => player.restart());
onClick("slower", () => player.changeSpeed(-1));
onClick("faster", () => player.changeSpeed(1));
onClick("open-help", toggleHelp);
onClick("close-help", () => help.close());
help.addEventListener("click", (event) => event.target === help && help.close());
stage.addEventListener("click", () => player.toggle());
stage.addEventListener("playback", drawPlayback);
byId("panel").addEventListener("click", measure);
byId("panel").addEventListener("toggle", unfold);
for (const kind of ["keydown", "pointerdown"]) {
  document.addEventListener(kind, () => {
    const now = performance.now();
    if (now - activeAt > 5 * 60000) activeSince = now; // that was a break
    activeAt = now;
  });
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  outbox.send();
  readState();
  freshen();
});
setInterval(renew, RENEW_MS);
drawProgress();
drawPlayback();
setStage("loading", "");
readState();
