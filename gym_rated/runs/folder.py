"""A run as its folder tells it: finished, still running, or killed."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gym_rated.ratings import RatingDataset
from gym_rated.runs.names import METRICS, RATINGS, RESULT, REWARD_MODEL, TRUE_RETURN
from gym_rated.runs.products import score_of
from gym_rated.runs.reading import read_config, read_metrics, read_result
from gym_rated.runs.series import Metrics, finite_rows

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
        model: The learned reward, or None.
        ratings: The rated segments, or None.
        missing: What is not there or cannot be read, and why, one sentence each.
    """

    folder: Path
    script: str | None
    args: dict[str, Any]
    metrics: Metrics
    result: dict[str, Any] | None
    model: "RewardEnsemble | None"
    ratings: RatingDataset | None
    missing: tuple[str, ...]

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
        reward = str(self.args.get("reward", "unknown"))
        if reward != "rated":
            return reward
        if self.args.get("shuffle_ratings"):
            return "shuffled"
        preset = str(self.args.get("preset", "ours"))
        return "rated" if preset == "ours" else preset

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


def read_run(folder: str | Path) -> Run:
    """Read all of a run that can be read.

    Raises:
        FileNotFoundError: If the folder holds no run.
        ValueError: If its config.json is damaged, or of a newer format.
    """
    from gym_rated.reward_model import RewardEnsemble  # importing this format imports no torch

    folder = Path(folder)
    config = read_config(folder)
    missing: list[str] = []

    def attempt(what: str, read: Callable[[Path], _Found], path: Path) -> _Found | None:
        try:
            return read(path)
        except FileNotFoundError:
            missing.append(f"no {what}")
        except (ValueError, RuntimeError) as error:  # damaged, or of another version
            missing.append(f"no {what}: {error}")
        return None

    script, args = config.get("script"), config["args"]
    metrics = attempt("metrics", read_metrics, folder) if (folder / METRICS).exists() else None
    if metrics is None and not missing:
        missing.append("no metrics")
    result = attempt(f"{RESULT}, so it has not finished", read_result, folder)
    model, ratings = None, None
    if args.get("reward") == "rated":
        with warnings.catch_warnings():  # what it warns of is said among what is missing
            warnings.simplefilter("ignore", UserWarning)
            model = attempt("reward model", RewardEnsemble.load, folder / REWARD_MODEL)
        if model is not None and not model.ready:
            missing.append("no fit of its reward model, which pays 0.0")
        ratings = attempt("ratings", RatingDataset.load, folder / RATINGS)
    return Run(folder, script, args, metrics or {}, result, model, ratings, tuple(missing))
