// How fast clips play. Where the shortest segments of a run would be over before one has looked, all
// clips of the run play slower, and at one speed: who judges how fast something runs must not see
// one clip slowed more than another.

export const SPEEDS = [1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 2, 4];
export const HOLD_MS = 400; // at the last frame of each turn: the jump to the first is seen as one
const ENOUGH_S = 1.5;
const ROUNDING_S = 1e-6;

export class Pace {
  constructor() {
    this.chosen = new Map(); // run -> the speed that the rater chose
    this.run = null;
    this.usual = 1;
  }

  // From now on it is about this clip of a query.
  turnTo(query, clip) {
    this.run = query.run_id;
    this.usual = query.segment_length ? usualSpeed(query.segment_length / clip.fps) : 1;
  }

  get speed() {
    return this.chosen.get(this.run) ?? this.usual;
  }

  // By so many steps, for all clips of the run that follow.
  change(by) {
    const step = SPEEDS.indexOf(this.speed) + by;
    this.chosen.set(this.run, SPEEDS[Math.min(Math.max(step, 0), SPEEDS.length - 1)]);
  }
}

// The speed, at most 1, that is just slow enough for segments of so many seconds.
export function usualSpeed(seconds) {
  const slowEnough = SPEEDS.filter((speed) => seconds / speed >= ENOUGH_S - ROUNDING_S);
  return Math.min(slowEnough.at(-1) ?? SPEEDS[0], 1);
}
