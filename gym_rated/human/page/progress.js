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
  for (const id of ["slower", "faster"]) {
    byId(id).setAttribute("aria-disabled", String(!player.canStep));
  }
}

export function speedWord(speed) {
  return `${{ 0.25: "¼", 0.5: "½" }[speed] ?? speed}×`;
}
