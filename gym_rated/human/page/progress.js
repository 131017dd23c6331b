// How far it is: the small pictures of past answers, the counts, the speed, the title of the tab.

import { byId, setText } from "./dom.js";

export function drawHistory({ history, said }) {
  history.draw((entry) => entry.query?.class_names ?? said?.run?.class_names ?? []);
  byId("undo").setAttribute("aria-disabled", String(!history.latest));
}

export function drawProgress({ said, session, outbox }) {
  const words = progressWords(said, session.size, outbox.answered().length);
  setText(byId("done"), words.done);
  setText(byId("goal"), words.goal);
  setText(byId("more"), words.more);
  byId("progress").title = words.hint;
  drawBar(words.bar);
  document.title = words.title;
  byId("page").dataset.outbox = String(outbox.size);
}

// Says beside the panel's name that there is something to look at again.
export function drawDoubts({ said, panel }) {
  const num = panel.again.left(said).length;
  setText(byId("doubts"), num ? `${num} to look at again` : "");
}

function drawBar(bar) {
  const root = byId("bar");
  root.hidden = !bar;
  if (!bar) return;
  root.setAttribute("aria-valuenow", bar.done);
  root.setAttribute("aria-valuemax", bar.of);
  root.firstElementChild.style.transform = `scaleX(${bar.of ? bar.done / bar.of : 0})`;
}

// What the counts say, from what the server said last (null: nothing yet), the clips rated here, and
// the answers that the server has not counted. The whole is what the run asks for, so it never moves.
export function progressWords(said, rated, onTheWay = 0) {
  const title = said?.waiting ? `(${said.waiting}) Rate clips` : "Rate clips";
  const total = (said?.total ?? 0).toLocaleString("en");
  if (!said?.planned) {
    const more = `${total} total`;
    return { done: String(rated), goal: " this session", more, hint: "", bar: null, title };
  }
  const of = said.planned;
  const done = Math.min(of, Math.max(0, of - said.remaining) + onTheWay);
  return {
    done: done.toLocaleString("en"),
    goal: ` of ${of.toLocaleString("en")} clips`,
    more: `${rated} this session`,
    hint: `${(of - done).toLocaleString("en")} more are asked for`,
    bar: { done, of },
    title,
  };
}

export function drawPlayback({ stage, player }) {
  const isPlaying = stage.dataset.playing === "true";
  byId("pause").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  setText(byId("speed"), speedWord(player.speed));
  byId("speed").dataset.usual = String(player.speed === 1);
  setText(byId("duration"), durationWords(player.current?.seconds, player.speed));
  for (const id of ["slower", "faster"]) {
    byId(id).setAttribute("aria-disabled", String(!player.canStep));
  }
}

const FRACTIONS = { [1 / 8]: "⅛", [1 / 6]: "⅙", [1 / 4]: "¼", [1 / 3]: "⅓", [1 / 2]: "½", [2 / 3]: "⅔" };

export function speedWord(speed) {
  return `${FRACTIONS[speed] ?? speed}×`;
}

// How long a clip is in the time of its environment, and on the screen where that is another.
export function durationWords(seconds, speed) {
  if (!seconds) return "";
  const words = `${seconds.toFixed(1)} s`;
  return speed === 1 ? words : `${words}, shown in ${(seconds / speed).toFixed(1)} s`;
}
