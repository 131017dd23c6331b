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
      const label = element("span", { class: "name" }, name || String(k));
      const button = element(
        "button",
        { type: "button", class: "class", "data-testid": `rate-${k}`, "aria-keyshortcuts": key, "aria-disabled": "true" },
        label,
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

export function drawHelp(count, keyBase) {
  const first = keyOfClass(0, keyBase);
  const last = keyOfClass(Math.max(count - 1, 0), keyBase);
  const rows = count ? [[`${first} ${last}`, "the classes, worst to best"], ...KEYS] : KEYS;
  byId("keys").replaceChildren(
    ...rows.flatMap(([keys, meaning], row) => [
      element("dt", {}, ...keys.split(" ").flatMap((key, k) => [k ? (row === 0 && count ? " to " : " ") : null, element("kbd", {}, key)])),
      element("dd", {}, meaning),
    ]),
  );
}

export function flash(button) {
  button?.classList.remove("chosen");
  void button?.offsetWidth; // begin the animation anew
  button?.classList.add("chosen");
}
