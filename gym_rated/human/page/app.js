// The page: a clip, an answer, the next clip. An answer is written to the outbox and the next clip
// is shown at once; what the server says arrives later, and nothing is lost in between. Here its
// parts are put together; `page` is handed to the functions that need several of them.

import { Activity } from "./activity.js";
import { Again } from "./again.js";
import { correct, lookAgain, rate } from "./answering.js";
import { ClipCache } from "./clips.js";
import { byId } from "./dom.js";
import { setStage } from "./drawing.js";
import { isOver, watchForEnd } from "./ending.js";
import { Examples } from "./examples.js";
import { Guidelines } from "./guidelines.js";
import { Hand } from "./hand.js";
import { History } from "./history.js";
import { Meanwhile } from "./meanwhile.js";
import { listenToAll } from "./listening.js";
import { readNews, takeRefused, takeSaved } from "./news.js";
import { showTrouble } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Panel } from "./panel.js";
import { Player } from "./player.js";
import { drawPlayback, drawProgress } from "./progress.js";
import { Remarks } from "./remarks.js";
import { Said } from "./said.js";
import { Session } from "./session.js";
import { prepareNext, showBroken, showNext, showWaiting } from "./showing.js";
import { Sound } from "./sound.js";
import { Supply } from "./supply.js";
import { Trouble } from "./trouble.js";

const now = performance.now();
const stage = byId("stage");
const settings = { rater: "", min_view_s: 0.5, key_base: 1 };
const hand = new Hand(now);
const activity = new Activity(now);
const cache = new ClipCache();
const sound = new Sound();
const outbox = new Outbox({
  onSaved: (event) => takeSaved(page, event),
  onRefused: (event, sentence) => takeRefused(page, event, sentence),
  onTrouble: (kind, words) => trouble.set(kind, words),
});
const trouble = new Trouble(outbox, showTrouble, () => isOver(page));
const supply = new Supply(
  { hand, outbox, settings, activity },
  {
    onArrived: receive,
    onReached: () => trouble.reached(),
    onTrouble: (kind, words) => trouble.set(kind, words),
    onEmpty: () => showWaiting(page),
  },
);
const remarks = new Remarks(outbox);
const said = new Said(cache, remarks, (one) => lookAgain(page, one));
const again = new Again(cache, (one) => lookAgain(page, one));
const examples = new Examples(cache, () => page.hand.view?.query.round);
const ownExamples = new Examples(cache, () => hand.view?.query.round);
const page = {
  settings,
  stage,
  hand,
  activity,
  cache,
  sound,
  outbox,
  trouble,
  supply,
  remarks,
  panel: new Panel(byId("numbers"), sound, again, { examples, said }),
  guidelines: new Guidelines(ownExamples, settings, () => hand.beginAgain(performance.now())),
  meanwhile: new Meanwhile(cache),
  player: new Player(stage, byId("time"), onBroken),
  history: new History(byId("history"), cache, (entry) => correct(page, entry), remarks),
  session: new Session(),
  said: null, // what /api/state said last
  ended: null, // how the server ended: "finished" or "stopped"
  endedAt: 0,
  changes: 0, // deeds so far: an answer of the server from before one is out of date
  newsTimer: 0,
  armTimer: 0,
  onChoose: (rating) => rate(page, rating),
};

function receive(query) {
  remarks.learn(query);
  cache.get(query.clip).catch(() => {}); // it will be said when the clip is due
  if (hand.view) prepareNext(page);
  else showNext(page);
}

function onBroken(key) {
  if (hand.view?.key === key) showBroken(page, hand.view);
}

supply.isOver = () => Boolean(page.ended);
listenToAll(page);
drawProgress(page);
drawPlayback(page);
setStage("loading", "");
readNews(page);
watchForEnd(page);
