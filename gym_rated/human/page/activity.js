// Whether the rater is there, and for how long: who left gives their clips back, who rated for long
// is told of a break, once. Times are milliseconds of performance.now().

const MINUTE_MS = 60000;
const AWAY_MS = 10 * MINUTE_MS; // without a key or a touch, clips go back to the others
const PAUSE_MS = 5 * MINUTE_MS; // a pause as long as this was a break
const BREAK_MS = 20 * MINUTE_MS;

export class Activity {
  constructor(now) {
    this.at = now; // the last key or touch
    this.since = now; // the end of the last break
    this.wasTold = false;
  }

  touch(now) {
    if (now - this.at > PAUSE_MS) this.since = now;
    this.at = now;
  }

  isAway(now) {
    return now - this.at > AWAY_MS;
  }

  // Whether to speak of a break now; true only once.
  isBreakDue(now) {
    if (this.wasTold || now - this.since < BREAK_MS) return false;
    this.wasTold = true;
    return true;
  }
}
