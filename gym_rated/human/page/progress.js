// How far it is: the small pictures of past answers, the counts, the speed, the title of the tab.

import { byId, setText } from "./dom.js";

export function drawHistory({ history, said }) {
  history.draw((entry) => entry.query?.class_names ?? said?.run?.class_names ?? []);
  byId("undo").setAttribute("aria-disabled", String(!history.latest));
}

export function drawProgress({ said, session, outbox }) {
  const words = progressWords(said, session.size);
  setText(byId("session"), words.session);
  setText(byId("goal"), words.goal);
  byId("progress").title = words.hint;
  setText(byId("total"), words.total);
  document.title = words.title;
  byId("page").dataset.outbox = String(outbox.size);
}

// What the counts say, from what the server said last (null: nothing yet) and the clips rated here.
export function progressWords(said, rated) {
  const remaining = said?.remaining ?? 0;
  return {
    session: String(rated),
    goal: remaining ? ` / ${rated + remaining}` : "",
    hint: remaining ? `${remaining} more are asked for` : "",
    total: (said?.total ?? 0).toLocaleString("en"),
    title: said?.waiting ? `(${said.waiting}) Rate clips` : "Rate clips",
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

const FRACTIONS = { [1 / 4]: "¼", [1 / 3]: "⅓", [1 / 2]: "½", [2 / 3]: "⅔" };

export function speedWord(speed) {
  return `${FRACTIONS[speed] ?? speed}×`;
}

// How long a clip is in the time of its environment, and on the screen where that is another.
export function durationWords(seconds, speed) {
  if (!seconds) return "";
  const words = `${seconds.toFixed(1)} s`;
  return speed === 1 ? words : `${words}, shown in ${(seconds / speed).toFixed(1)} s`;
}
