"""Segments: windows of one episode, the buffer they are cut from, and how steps become vectors."""

from gym_rated.segments.buffer import SegmentBuffer
from gym_rated.segments.encoding import encode_actions
from gym_rated.segments.recent import RecentSteps
from gym_rated.segments.segment import Origin, Segment

__all__ = ["Origin", "RecentSteps", "Segment", "SegmentBuffer", "encode_actions"]
