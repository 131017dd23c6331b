// Small square pictures of clips: whole, for what matters may be at an edge.

import { element } from "./dom.js";

const HAS_PICTURE = 2; // HAVE_CURRENT_DATA of a video

// Draws one picture of a clip onto a small canvas; returns whether there was one to draw.
export function drawThumbnail(canvas, picture) {
  const width = picture.videoWidth || picture.width;
  const height = picture.videoHeight || picture.height;
  if (!width || !height || picture.readyState < HAS_PICTURE) return false;
  canvas.getContext("2d").drawImage(picture, ...fitted(width, height, canvas));
  return true;
}

// Where a picture lies that is as large as fits: [left, top, width, height].
export function fitted(width, height, canvas) {
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const [wide, high] = [width * scale, height * scale];
  return [(canvas.width - wide) / 2, (canvas.height - high) / 2, wide, high];
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
