// What keys and buttons set off.

import { byId, setText } from "../dom.js";
import { drawHelp } from "../drawing.js";
import { listen } from "../keys.js";
import { note } from "../notices.js";
import { showNext, showTruth } from "./episodes.js";
import { rate, undo } from "./rating.js";

const KEYS = [
  ["S", "can’t tell"],
  ["U", "undo, again and again (or Backspace)"],
  ["Space", "pause and play"],
  ["L", "repeat the marked steps"],
  ["← →", "back by as many steps as are marked, and on again"],
  [", .", "one step back, one on"],
  ["[ ]", "slower, faster"],
  ["R", "start the episode anew"],
  ["N", "the next episode"],
  ["?", "this list"],
];
const FRACTIONS = new Map([
  [1 / 8, "⅛"],
  [1 / 6, "⅙"],
  [1 / 4, "¼"],
  [1 / 3, "⅓"],
  [1 / 2, "½"],
  [2 / 3, "⅔"],
]);

export function listenToAll(page) {
  const { film } = page;
  const actions = {
    digit: (digit) => page.about && rate(page, (digit - page.about.key_base + 10) % 10),
    skip: () => rate(page, null),
    undo: () => undo(page),
    pause: () => film.toggle(),
    loop: () => page.episode && film.repeat(film.range ? null : page.marked),
    next: () => goOn(page),
    restart: () => {
      goTo(page, 0);
      film.play();
    },
    step: (steps) => film.by(steps),
    back: (by) => page.about && goTo(page, film.step - by * page.about.segment_length),
    speed: (by) => film.changeSpeed(by),
    help: () => toggleHelp(page),
  };
  listen(actions, { isHelpOpen: () => byId("help").open, isBusy: () => false });
  for (const name of ["skip", "undo", "pause", "restart", "loop", "next"]) onClick(name, actions[name]);
  onClick("slower", () => actions.speed(-1));
  onClick("faster", () => actions.speed(1));
  onClick("truth", () => showTruth(page));
  onClick("open-help", actions.help);
  onClick("close-help", actions.help);
  byId("stage").addEventListener("click", actions.pause);
}

function onClick(id, action) {
  byId(id).addEventListener("click", (event) => {
    if (event.detail > 0) byId(id).blur(); // or Space would press it again
    action();
  });
}

// Shows the next episode, as soon as it was played.
function goOn(page) {
  page.isDue = true;
  if (page.ready) showNext(page);
  else note("The next episode is being played.");
}

// Goes to a step; steps that were repeated are left.
export function goTo({ film, episode }, step) {
  if (!episode) return;
  film.repeat(null);
  film.seek(step);
}

export function drawPlayback({ isPaused, range, speed }) {
  byId("stage").dataset.playing = String(!isPaused);
  byId("pause").setAttribute("aria-label", isPaused ? "Play" : "Pause");
  byId("loop").setAttribute("aria-pressed", String(Boolean(range)));
  setText(byId("speed"), `${FRACTIONS.get(speed) ?? speed}×`);
}

function toggleHelp({ about }) {
  const help = byId("help");
  if (help.open) help.close();
  else {
    drawHelp(about?.class_names.length ?? 0, about?.key_base ?? 1, KEYS);
    help.showModal();
  }
}
