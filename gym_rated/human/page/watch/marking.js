// Which steps are marked to be rated, and which of them were on the screen.

// The segment around a step, [first, stop): within the episode, and where the step lies in one that
// is rated already, that one, so that another key changes its rating.
export function segmentAround(step, length, steps, rated = []) {
  const size = Math.min(length, steps);
  const known = rated.find(({ first_step: first }) => step >= first && step < first + size);
  const middle = known ? known.first_step : step - Math.floor(size / 2);
  const first = Math.min(Math.max(middle, 0), steps - size);
  return [first, first + size];
}

const SKIPPED = 8; // steps that a slow screen leaves out of a film that is seen all the same

// How long each step was seen, in milliseconds.
export class Seen {
  constructor(steps) {
    this.times = new Float64Array(steps);
    this.wasSeen = new Uint8Array(steps);
    this.step = null;
    this.since = 0;
  }

  // From now on a step is on the screen; null: none is.
  show(step, now) {
    if (this.step !== null) this.times[this.step] += now - this.since;
    if (step !== null) {
      const past = this.step === null ? 0 : step - this.step;
      this.wasSeen.fill(1, past > 0 && past <= SKIPPED ? this.step : step, step + 1);
    }
    this.step = step;
    this.since = now;
  }

  // Whether half of some steps was seen.
  isEnough([first, stop]) {
    const seen = this.wasSeen.subarray(first, stop).reduce((sum, one) => sum + one, 0);
    return 2 * seen >= stop - first;
  }

  // For how long they were seen, in whole milliseconds.
  forMs([first, stop], now) {
    const isOpen = this.step !== null && this.step >= first && this.step < stop;
    const past = this.times.subarray(first, stop).reduce((sum, one) => sum + one, 0);
    return Math.round(past + (isOpen ? now - this.since : 0));
  }
}
