// The parts of the page that change with the clip: what is asked, the classes, the stage's message.

import { byId, element, setText } from "./dom.js";
import { KEYS } from "./keys.js";
import { classColour, keyOfClass, taskColour } from "./ramp.js";

let shownClasses = "";

export function drawCriterion(query) {
  const task = byId("task");
  setText(task, query.task ?? "");
  task.hidden = !query.task;
  task.style.setProperty("--task", taskColour(query.task ?? ""));
  setText(byId("instructions"), query.instructions || "How good is what you see?");
}

export function drawClasses(names, chosen, keyBase, onChoose) {
  const wanted = JSON.stringify([names, chosen]);
  if (wanted === shownClasses) return;
  shownClasses = wanted;
  const group = byId("classes");
  group.dataset.count = names.length;
  group.replaceChildren(
    ...names.map((name, k) => {
      const key = keyOfClass(k, keyBase);
      const button = element(
        "button",
        {
          type: "button",
          class: "class",
          "data-testid": `rate-${k}`,
          "aria-keyshortcuts": key,
          "aria-disabled": "true",
        },
        element("span", { class: "name" }, name || String(k)),
        element("kbd", {}, key),
      );
      button.style.setProperty("--class", classColour(k, names.length));
      if (chosen !== null) button.setAttribute("aria-pressed", String(k === chosen));
      button.addEventListener("click", (event) => {
        if (event.detail > 0) button.blur(); // or Space would press it again
        onChoose(k);
      });
      return button;
    }),
  );
}

export function setStage(name, headline = "", detail = "") {
  byId("stage").dataset.state = name;
  setText(byId("message").querySelector(".headline"), headline);
  setText(byId("message").querySelector(".detail"), detail);
}

// Opens the class buttons: the clip has been seen for long enough.
export function openClasses() {
  byId("stage").dataset.armed = "true";
  for (const button of byId("classes").children) button.setAttribute("aria-disabled", "false");
}

export function closeClasses() {
  byId("stage").dataset.armed = "false";
  for (const button of byId("classes").children) button.setAttribute("aria-disabled", "true");
}

export function drawHelp(count, keyBase, others = KEYS) {
  byId("keys").replaceChildren(
    ...helpRows(count, keyBase, others).flatMap(({ keys, between, meaning }) => [
      element(
        "dt",
        {},
        ...keys.flatMap((key, k) => [k ? between : null, element("kbd", {}, key)]),
      ),
      element("dd", {}, meaning),
    ]),
  );
}

// The lines of the help, for a number of classes; none are known yet: 0.
export function helpRows(count, keyBase, others = KEYS) {
  const rows = others.map(([keys, meaning]) => ({ keys: keys.split(" "), between: " ", meaning }));
  if (!count) return rows;
  const keys = [keyOfClass(0, keyBase), keyOfClass(count - 1, keyBase)];
  return [{ keys, between: " to ", meaning: "the classes, worst to best" }, ...rows];
}

export function flash(button) {
  button?.classList.remove("chosen");
  void button?.offsetWidth; // begin the animation anew
  button?.classList.add("chosen");
}
