// The page to watch: the policy of a run plays episode after episode, with its learned reward under
// the film; the steps around the cursor are rated at once. Here its parts are put together.

import { byId } from "../dom.js";
import { drawCriterion, setStage } from "../drawing.js";
import { showTrouble } from "../notices.js";
import { Outbox } from "../outbox.js";
import { Trouble } from "../trouble.js";
import { drawPlayback, goTo, listenToAll } from "./controls.js";
import { Curve } from "./curve.js";
import { ask, fetchAfter, showNext } from "./episodes.js";
import { Film } from "./film.js";
import { Seen } from "./marking.js";
import { mark, redraw, takeRefused, takeSaved } from "./rating.js";

const outbox = new Outbox({
  onSaved: (event, written) => takeSaved(page, event, written),
  onRefused: (event, sentence) => takeRefused(page, event, sentence),
  onTrouble: (kind, words) => page.trouble.set(kind, words),
});
const page = {
  outbox,
  trouble: new Trouble(outbox, showTrouble),
  about: null, // what is watched
  episode: null, // what is shown
  ready: null, // what is shown next, and its pictures
  isDue: false, // whether it is shown as soon as it is there
  seen: new Seen(0),
  marked: [0, 0],
  done: [], // what was rated here, for undo
  curve: new Curve({
    onSeek: (step) => goTo(page, step),
    pageLength: () => page.about?.segment_length ?? 1,
  }),
  film: new Film(byId("film"), {
    onStep: (step) => {
      page.seen.show(step, performance.now());
      mark(page, step);
    },
    onEnd: () => (page.ready ? showNext(page) : page.film.seek(0)),
    onChange: () => drawPlayback(page.film),
  }),
};

document.addEventListener("visibilitychange", () => {
  const { step } = page.film;
  page.seen.show(document.hidden || step < 0 ? null : step, performance.now());
  if (!document.hidden) outbox.send();
});
setStage("loading", "");
drawPlayback(page.film);
listenToAll(page);
page.about = await ask(page, "/api/watch");
document.title = `Watch ${page.about.name}`;
drawCriterion({
  task: `${page.about.env_id} · ${page.about.name}`,
  instructions: page.about.instructions,
});
outbox.open(page.about.rater, page.about.database);
redraw(page);
fetchAfter(page, "");
