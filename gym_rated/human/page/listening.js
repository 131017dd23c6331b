// What keys, buttons and the tab itself set off.

import { goBack, leaveCorrection, rate, skip, undo } from "./answering.js";
import { byId } from "./dom.js";
import { drawHelp } from "./drawing.js";
import { listen } from "./keys.js";
import { readNews } from "./news.js";
import { drawPlayback } from "./progress.js";
import { closeComment, flag, openComment, saveComment } from "./remarking.js";

const RENEW_MS = 30000;

export function listenToAll(page) {
  listenToKeys(page);
  listenToButtons(page);
  listenToPanel(page);
  listenToComment(page);
  listenToTab(page);
  setInterval(() => page.supply.renew(), RENEW_MS);
}

function listenToKeys(page) {
  const { player, settings } = page;
  const actions = {
    digit: (digit) => rate(page, (digit - settings.key_base + 10) % 10),
    skip: () => skip(page),
    guidelines: () => page.guidelines.open(page.said),
    flag: () => flag(page),
    comment: () => openComment(page),
    undo: () => undo(page),
    pause: () => player.toggle(),
    restart: () => player.restart(),
    step: (frames) => player.step(frames),
    speed: (by) => player.changeSpeed(by),
    help: () => toggleHelp(page),
    leave: () => leaveCorrection(page),
    back: (by) => goBack(page, by),
  };
  listen(actions, {
    isHelpOpen: () => byId("help").open,
    isBusy: () => byId("comment-box").open || page.guidelines.isOpen,
  });
}

function listenToButtons(page) {
  const { player, stage } = page;
  const help = byId("help");
  onClick("skip", () => skip(page));
  onClick("undo", () => undo(page));
  onClick("flag", () => flag(page));
  onClick("comment", () => openComment(page));
  onClick("pause", () => player.toggle());
  onClick("restart", () => player.restart());
  onClick("slower", () => player.changeSpeed(-1));
  onClick("faster", () => player.changeSpeed(1));
  onClick("open-guidelines", () => page.guidelines.open(page.said));
  onClick("close-guidelines", () => page.guidelines.close());
  onClick("open-help", () => toggleHelp(page));
  onClick("close-help", () => help.close());
  help.addEventListener("click", (event) => event.target === help && help.close());
  stage.addEventListener("click", () => player.toggle());
  stage.addEventListener("playback", () => drawPlayback(page));
}

function listenToComment(page) {
  const box = byId("comment-box");
  box.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    saveComment(page);
  });
  byId("leave-comment").addEventListener("click", closeComment);
  box.addEventListener("cancel", () => byId("comment-line").blur());
  box.addEventListener("click", (event) => event.target === box && closeComment());
}

function onClick(id, action) {
  byId(id).addEventListener("click", (event) => {
    if (event.detail > 0) byId(id).blur();
    action();
  });
}

function toggleHelp({ said, settings }) {
  const help = byId("help");
  if (help.open) help.close();
  else {
    drawHelp(said?.run?.class_names.length ?? 0, settings.key_base);
    help.showModal();
  }
}

function listenToPanel(page) {
  const panel = byId("panel");
  const { style } = page.stage;
  panel.addEventListener("click", () => {
    // the clip keeps its size when the page gets longer
    if (!panel.open) style.flex = `0 0 ${page.stage.getBoundingClientRect().height}px`;
  });
  panel.addEventListener("toggle", () => {
    if (panel.open && page.said) page.panel.draw(page.said);
    if (!panel.open) style.flex = "";
    byId("page").classList.toggle("unfolded", panel.open);
  });
}

function listenToTab(page) {
  for (const kind of ["keydown", "pointerdown"]) {
    document.addEventListener(kind, () => page.activity.touch(performance.now()));
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    page.outbox.send();
    readNews(page);
    page.supply.freshen();
    page.player.wake();
  });
}
