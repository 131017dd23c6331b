"""Where the time of a run of ours goes, sampled every few milliseconds of its CPU time.

A sample is put in the first stage of `STAGES` that one of its frames belongs to, so that the stages
do not depend on how a script names its functions, but for the update and the advantages.
"""

import signal
from collections import Counter
from types import FrameType

EVERY_S = 0.005

# Stage -> parts of the file's path and of the function's name. First those that hold other stages:
# a fit calls the reward model, and a checkpoint asks every wrapper for its state.
_WHOLE = {
    "fit of the reward model": (("gym_rated/fitting/", ""), ("scripts/", "fit_reward")),
    "checkpoints": (("gym_rated/checkpoint/", ""),),
    "logs and progress bar": (("gym_rated/runs/", ""), ("tqdm/", "")),
    "update: backward": (("torch/autograd/__init__", ""), ("torch/_tensor.py", "backward")),
    "update: clipping the gradient": (("torch/nn/utils/clip_grad", ""),),
    "update: optimiser": (("torch/optim/", ""),),
    "update: forward and losses": (("scripts/", "update"), ("scripts/", "loss")),
    "values and advantages": tuple(
        ("scripts/", name) for name in ("compute_values", "advantages", "make_batch")
    ),
}
# Then by the innermost frame that is of one of these.
_INNERMOST = {
    "environment": (("gymnasium/envs/", ""), ("mujoco/", ""), ("gym_rated/environments/", "")),
    "prediction of the learned reward": (("gym_rated/reward_model/", ""),),
    "rating wrappers": tuple(
        (f"gym_rated/{room}/", "")
        for room in ("wrappers", "segments", "raters", "ratings", "queries")
    ),
    "vector environment": (("gymnasium/vector/", ""),),
    "Gymnasium's wrappers": (("gymnasium/wrappers/", ""), ("gymnasium/core.py", "")),
    "policy in the rollout": (("scripts/", ""), ("gym_rated/agents/", "")),
}
REST = "rest"
STAGES = (*_INNERMOST, *_WHOLE, REST)


class StageSampler:
    """Counts the samples of each stage in this process, from now on."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)

    def take(self) -> dict[str, int]:
        """Return stage -> number of samples since this was called last."""
        found, self._counts = self._counts, Counter()
        return dict(found)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        frames = []
        while frame is not None:
            frames.append((frame.f_code.co_filename, frame.f_code.co_name))
            frame = frame.f_back
        self._counts[stage_of(frames)] += 1


def stage_of(frames: list[tuple[str, str]]) -> str:
    """Return the stage of a stack: file and function of each frame, the innermost first."""
    for stage, places in _WHOLE.items():
        if any(_is_in(frame, places) for frame in frames):
            return stage
    for frame in frames:
        for stage, places in _INNERMOST.items():
            if _is_in(frame, places):
                return stage
    return REST


def _is_in(frame: tuple[str, str], places: tuple[tuple[str, str], ...]) -> bool:
    file, function = frame
    return any(path in file and name in function for path, name in places)
