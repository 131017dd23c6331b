// How fast clips play.

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
export const HOLD_MS = 400; // at the last frame of each turn: the jump to the first is seen as one
