"""Clips for browsers that cannot play them: the same pictures as animated WebP."""

import logging
from functools import lru_cache

from gym_rated.human.clips.encode import convert
from gym_rated.human.store import Clip

log = logging.getLogger("gym_rated.human.app")


@lru_cache(maxsize=64)
def as_webp(clip: Clip) -> Clip | None:
    """Return a clip as WebP (80 ms of CPU for 50 frames); None if it does not decode."""
    if clip.codec == "webp":
        return clip
    try:
        return convert(clip, "webp")
    except Exception as error:  # whatever a decoder makes of broken bytes
        log.error("clip %s does not decode: %s", clip.sha256, error)
        return None
