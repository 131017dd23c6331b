// Keys of the whole page. A key that is held, or pressed with Ctrl, Alt or Meta, or in a field, or
// while a dialog is open, does nothing; Space and Enter on a button are that button's.

export function listen(actions, { isHelpOpen, isBusy }) {
  document.addEventListener("keydown", (event) => {
    document.documentElement.dataset.keys = ""; // there are keys, also on a tablet
    const on = event.target instanceof Element ? event.target : document.body;
    const isMeant = !isBusy() && isForPage(event, on, isHelpOpen());
    const action = isMeant ? actionOf(event, actions) : null;
    if (action) {
      event.preventDefault();
      action();
    }
  });
}

// Whether a key that was pressed on this element is one of the page's at all.
export function isForPage(event, on, isHelpOpen) {
  if (event.repeat || event.isComposing) return false;
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  if (on.closest("input, textarea, select, [contenteditable]")) return false;
  if (event.key === " " && on.closest("button, summary, a")) return false;
  return !isHelpOpen || event.key === "?";
}

// The action that a key stands for, or null.
export function actionOf(event, actions) {
  const digit = digitOf(event);
  if (digit !== null) return () => actions.digit(digit);
  if (event.shiftKey && /^([a-z ]|Backspace)$/i.test(event.key)) return null;
  const byKey = {
    s: actions.skip,
    g: actions.guidelines,
    f: actions.flag,
    c: actions.comment,
    u: actions.undo,
    backspace: actions.undo,
    " ": actions.pause,
    r: actions.restart,
    l: actions.loop,
    n: actions.next,
    ",": () => actions.step(-1),
    ".": () => actions.step(1),
    "[": () => actions.speed(-1),
    "]": () => actions.speed(1),
    "?": actions.help,
    escape: actions.leave,
    arrowleft: () => actions.back(1),
    arrowright: () => actions.back(-1),
  };
  return byKey[event.key.toLowerCase()] ?? null;
}

function digitOf(event) {
  if (/^[0-9]$/.test(event.key)) return Number(event.key);
  // where digits need Shift (French), the key without it
  const code = /^Digit([0-9])$/.exec(event.code ?? "");
  return code && !event.shiftKey && !/^[a-z]$/i.test(event.key) ? Number(code[1]) : null;
}

export const KEYS = [
  ["S", "can’t tell"],
  ["U", "undo, again and again (or Backspace)"],
  ["Space", "pause and play"],
  ["R", "start the clip anew"],
  [", .", "one frame back, one on"],
  ["[ ]", "slower, faster"],
  ["← →", "back through your last ten answers, and on again"],
  ["Esc", "leave a correction"],
  ["F", "flag: something is wrong with the clip"],
  ["C", "comment on the clip"],
  ["G", "the guidelines: what tells each class"],
  ["?", "this list"],
];
