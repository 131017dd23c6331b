// A colour for each class, from orange (worst) to blue (best) over a light grey. These two stay
// apart in every common kind of colour blindness; labels and keys say the same without colour.

const STOPS = [
  [197, 84, 27],
  [226, 144, 64],
  [176, 168, 152],
  [92, 158, 214],
  [38, 108, 188],
];

export function classColour(index, count) {
  const place = count > 1 ? (index / (count - 1)) * (STOPS.length - 1) : 0;
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  const between = (from, to) => Math.round(from + (to - from) * (place - low));
  const mix = STOPS[low].map((from, k) => between(from, STOPS[low + 1][k]));
  return `rgb(${mix.join(", ")})`;
}

export function taskColour(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 3600;
  return `hsl(${hash % 360} 45% 45%)`;
}

export function keyOfClass(index, keyBase) {
  return String((index + keyBase) % 10); // the tenth is 0
}
