// Small square pictures of clips, cut out of their middle.

import { element } from "./dom.js";

// Draws one picture of a clip onto a small canvas; the clip need not be on the stage.
export function drawThumbnail(canvas, picture) {
  const width = picture.videoWidth || picture.width;
  const height = picture.videoHeight || picture.height;
  if (!width || !height) return;
  const side = Math.min(width, height);
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  const context = canvas.getContext("2d");
  context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
}

export async function drawMiddle(canvas, clip) {
  if (!clip.isVideo) return drawThumbnail(canvas, await createImageBitmap(clip.blob));
  const url = URL.createObjectURL(clip.blob);
  const video = element("video", { preload: "auto", playsinline: true });
  video.muted = true;
  try {
    await new Promise((resolve, reject) => {
      const seek = () => (video.currentTime = video.duration / 2);
      video.addEventListener("loadedmetadata", seek, { once: true });
      video.addEventListener("seeked", resolve, { once: true });
      video.addEventListener("error", reject, { once: true });
      video.src = url;
    });
    drawThumbnail(canvas, video);
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}
