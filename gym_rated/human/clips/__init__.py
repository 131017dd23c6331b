"""From a segment to a clip that a browser can play: replay, draw, encode; and the worker doing so.

The worker is a process of its own (`python -m gym_rated.human.clips.worker --db URL`), because
MuJoCo chooses its OpenGL when it is imported, and because drawing must not slow training.
"""
