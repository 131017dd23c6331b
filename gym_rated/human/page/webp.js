// For how long each frame of an animated WebP is shown: its file alone says so. The file is of chunks
// (WebP Container Specification, developers.google.com/speed/webp/docs/riff_container).

const FIRST_CHUNK = 12; // after RIFF, a size and WEBP
const FRAME = 0x414e4d46; // ANMF
const DURATION = 20; // where it is in such a chunk: three bytes, the lowest first
const LONGEST_MS = 0xffffff;

// The bytes of the same picture at another speed, with a pause at the last frame.
export function paced(bytes, speed, holdMs) {
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  const places = durationsIn(view);
  places.forEach((place, k) => {
    const before = view.getUint16(place, true) + (view.getUint8(place + 2) << 16);
    const hold = k === places.length - 1 ? holdMs : 0;
    const ms = Math.min(Math.round(before / speed + hold), LONGEST_MS);
    view.setUint16(place, ms & 0xffff, true);
    view.setUint8(place + 2, ms >> 16);
  });
  return changed;
}

// Where the durations are; none in a picture that does not move.
export function durationsIn(view) {
  const places = [];
  let start = FIRST_CHUNK;
  while (start + DURATION + 3 <= view.byteLength) {
    if (view.getUint32(start) === FRAME) places.push(start + DURATION);
    const size = view.getUint32(start + 4, true);
    start += 8 + size + (size % 2);
  }
  return places;
}
