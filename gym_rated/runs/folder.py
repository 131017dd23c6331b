"""A run as its folder tells it: finished, still running, or killed."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gym_rated.ratings import RatingDataset
from gym_rated.ratings.predictions import RatingPredictions
from gym_rated.runs.names import METRICS, PREDICTIONS, RATINGS, RESULT, REWARD_MODEL, TRUE_RETURN
from gym_rated.runs.products import score_of
from gym_rated.runs.reading import read_config, read_metrics, read_result
from gym_rated.runs.series import Metrics, finite_rows
from gym_rated.runs.tracked import arm_of

if TYPE_CHECKING:
    from gym_rated.reward_model import RewardEnsemble

_Found = TypeVar("_Found")


@dataclass(frozen=True, eq=False)
class Run:
    """What one run left behind.

    Attributes:
        folder: The run's folder.
        script: Name of the script that trained it; None where that was not written down yet.
        args: The arguments of its script.
        metrics: Tag -> (steps, values).
        result: The final row, or None where the run has not finished.
        notes: What of the last two is not there or cannot be read, and why, one sentence each.
    """

    folder: Path
    script: str | None
    args: dict[str, Any]
    metrics: Metrics
    result: dict[str, Any] | None
    notes: tuple[str, ...]

    @property
    def model(self) -> "RewardEnsemble | None":
        """The learned reward, or None."""
        return self._learned.model

    @property
    def ratings(self) -> RatingDataset | None:
        """The rated segments, or None."""
        return self._learned.ratings

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not there or cannot be read, and why, one sentence each."""
        # a result that was verified says that there are a fitted model and its ratings
        return self.notes if self._has_predictions else self.notes + self._learned.missing

    @cached_property
    def predictions(self) -> RatingPredictions | None:
        """What the learned reward says of the rated segments, or None.

        Kept by the run itself; of an older or unfinished one they are made, which takes torch.
        """
        if self._has_predictions:
            try:
                return RatingPredictions.load(self.folder / PREDICTIONS)
            except ValueError:  # of another version
                pass
        if self.model is None or self.ratings is None or not self.ratings.ratings:
            return None
        from gym_rated.fitting.predictions import predict_ratings

        return predict_ratings(self.model, self.ratings)

    @property
    def _has_predictions(self) -> bool:
        sealed = {} if self.result is None else self.result["sha256"]
        return any(name.startswith(f"{PREDICTIONS}/") for name in sealed)

    @cached_property
    def _learned(self) -> "_Learned":
        rated = self.args.get("reward") == "rated"
        return _read_learned(self.folder) if rated else _Learned()

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    @property
    def env_id(self) -> str:
        """Id of the environment."""
        return str(self.args.get("env_id", "an unknown environment"))

    @property
    def agent(self) -> str:
        """The agent, by its script's name without the kind of actions: PPO, SAC, MY PPO.

        Runs from before config.json named the script are SAC where the flags speak of its target
        networks, else PPO.
        """
        if self.script is not None:
            return self.script.removesuffix("_continuous_action").replace("_", " ").upper()
        return "SAC" if "tau" in self.args else "PPO"

    @property
    def arm(self) -> str:
        """What the agent was paid: "true", "rated", its preset if not ours, "shuffled"."""
        return arm_of(self.args)

    @property
    def last_step(self) -> int:
        """Environment steps of the last row that was logged, 0 for none."""
        return max(
            (int(steps.max()) for steps, _ in self.metrics.values() if len(steps)), default=0
        )

    @property
    def score(self) -> float:
        """Mean true return of the last 50 episodes, as a result has it; NaN for no episode."""
        _, returns = finite_rows(*self.metrics.get(TRUE_RETURN, ((), ())))
        score = score_of(returns.tolist())
        return float("nan") if score is None else score

    def last(self, tag: str) -> float:
        """Return the last number logged under a tag; NaN for none."""
        _, values = finite_rows(*self.metrics.get(tag, ((), ())))
        return float(values[-1]) if len(values) else float("nan")


class _Learned(NamedTuple):
    """What a rated run learned, and what of it is missing."""

    model: "RewardEnsemble | None" = None
    ratings: RatingDataset | None = None
    missing: tuple[str, ...] = ()


def read_run(folder: str | Path) -> Run:
    """Read a run as far as it got; model and ratings are read when they are asked for.

    Raises:
        FileNotFoundError: If the folder holds no run.
        ValueError: If its config.json is damaged, or of a newer format.
    """
    folder = Path(folder)
    config = read_config(folder)
    notes: list[str] = []
    metrics = None
    if (folder / METRICS).exists():
        metrics = _attempt("metrics", read_metrics, folder, notes)
    else:
        notes.append("no metrics")
    result = _attempt(f"{RESULT}, so it has not finished", read_result, folder, notes)
    script, args = config.get("script"), config["args"]
    return Run(folder, script, args, metrics or {}, result, tuple(notes))


def _read_learned(folder: Path) -> _Learned:
    from gym_rated.reward_model import RewardEnsemble  # importing this format imports no torch

    missing: list[str] = []
    with warnings.catch_warnings():  # what it warns of is said among what is missing
        warnings.simplefilter("ignore", UserWarning)
        model = _attempt("reward model", RewardEnsemble.load, folder / REWARD_MODEL, missing)
    if model is not None and not model.ready:
        missing.append("no fit of its reward model, which pays 0.0")
    ratings = _attempt("ratings", RatingDataset.load, folder / RATINGS, missing)
    return _Learned(model, ratings, tuple(missing))


def _attempt(
    what: str, read: Callable[[Path], _Found], path: Path, missing: list[str]
) -> _Found | None:
    """Read something, or add a sentence about it to what is missing."""
    try:
        return read(path)
    except FileNotFoundError:
        missing.append(f"no {what}")
    except (ValueError, RuntimeError) as error:  # damaged, or of another version
        missing.append(f"no {what}: {error}")
    return None
