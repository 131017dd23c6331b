"""A run as it is now: what its policy does and what its reward says, finished or not.

A finished run has saved both; one that was stopped, or still trains, has them in its checkpoint,
which its script replaces while we read.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from gym_rated.agents.policy import Policy
from gym_rated.assembly.parts import choose_lengths, make_learner
from gym_rated.assembly.run_args import RunArgs
from gym_rated.assembly.stored import args_from_state
from gym_rated.checkpoint import load_state
from gym_rated.checkpoint.restoring import restoring
from gym_rated.imports import check_imports_nothing, names_of_modules
from gym_rated.reward_model import load_reward_model
from gym_rated.runs import is_finished, read_result
from gym_rated.runs.names import CHECKPOINT, CONFIG, POLICY, REWARD_MODEL
from gym_rated.runs.reading import read_config
from gym_rated.wrappers.reward_fn import RewardFn

_LEARNED = ("rated", "model")  # rewards that a model gives


@dataclass(frozen=True)
class Spaces:
    """What one environment of a run shows and takes, and how long its episodes are at most."""

    single_observation_space: gym.Space[Any]
    single_action_space: gym.Space[Any]
    max_episode_steps: int | None

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> "Spaces":
        """Return those of an environment that `gymnasium.make` made."""
        steps = None if env.spec is None else env.spec.max_episode_steps
        return cls(env.observation_space, env.action_space, steps)

    def lengths(self, args: RunArgs) -> tuple[int, ...]:
        """Return the steps of the segments of a run there."""
        return choose_lengths(args, self.max_episode_steps)


@dataclass(frozen=True)
class Present:
    """What a run's agent does now.

    Attributes:
        policy: How it acts.
        reward_fn: The learned reward; None before its first fit.
        step: Environment steps that it was trained for, summed over environments.
        mark: Tells one moment of a run from a later one; see `mark_of`.
    """

    policy: Policy
    reward_fn: RewardFn | None
    step: int
    mark: str


def args_of(run: Path, features: str | None = None) -> RunArgs:
    """Return the flags that all scripts share, as a run has them.

    Args:
        run: The run's folder.
        features: What a user typed for `--features`; a run's own function is not imported.

    Raises:
        FileNotFoundError: If the folder holds no run.
        ValueError: If its flags are damaged, its reward is not a learned one, or its features are
            a function that was not typed.
    """
    found, known = read_config(run)["args"], {field.name for field in fields(RunArgs)}
    reward = found.get("reward")
    if reward not in _LEARNED:
        raise ValueError(
            f"`run` must be of a learned reward (--reward {' or '.join(_LEARNED)}), got {run} of "
            f"the reward {str(reward)[:80]!r}; `gym-rated film {run}` films its policy"
        )
    named = found.get("features")
    remedy = f"if you trust it, pass --features {named}"
    check_imports_nothing("features", named, run / CONFIG, remedy, names_of_modules(features))
    with restoring("run", run):
        return args_from_state(RunArgs, {k: v for k, v in found.items() if k in known})


def mark_of(run: Path) -> str:
    """Return what changes whenever a run has something newer to show.

    Raises:
        FileNotFoundError: If there is nothing to show yet.
    """
    file = run / POLICY if _is_saved(run) else run / CHECKPOINT / "manifest.json"
    try:
        return f"{file.name} {file.stat().st_mtime_ns}"
    except FileNotFoundError:
        raise FileNotFoundError(
            f"`run` must have a checkpoint or a saved policy, got {run} without either; wait for "
            "its first checkpoint (--checkpoint-every-s), or go on with it by --resume"
        ) from None


def read_present(run: Path, args: RunArgs, spaces: Spaces) -> Present:
    """Read what a run's agent does now.

    Args:
        run: The run's folder.
        args: Its flags.
        spaces: Those of its environment.

    Raises:
        FileNotFoundError: If there is nothing to show yet.
        ValueError: If what is there is damaged, or does not fit the environment.
    """
    mark = mark_of(run)
    if _is_saved(run):
        step = int(read_result(run)["global_step"])
        return Present(Policy.load(run), _saved_reward(_model_of(run, args)), step, mark)
    state = load_state(run / CHECKPOINT)
    with restoring("run", run / CHECKPOINT):
        policy = Policy.of_tensors(_tensors_in(state, spaces), run / CHECKPOINT)
        if args.reward == "rated":
            reward_fn = _reward_in(state, args, spaces)
        else:
            reward_fn = _saved_reward(_model_of(run, args))
        return Present(policy, reward_fn, _step_in(state), mark)


def _is_saved(run: Path) -> bool:
    return is_finished(run) and (run / POLICY).is_file()


def _model_of(run: Path, args: RunArgs) -> Path:
    return run / REWARD_MODEL if args.reward == "rated" else Path(str(args.reward_model))


def _saved_reward(folder: Path) -> RewardFn | None:
    with warnings.catch_warnings():  # of one that was never fitted, which is said on the page
        warnings.simplefilter("ignore", UserWarning)
        model = load_reward_model(folder)
    return model.predict if model.ready else None


def _tensors_in(state: Mapping[str, Any], spaces: Spaces) -> dict[str, Any]:
    """Return the tensors of a checkpoint's policy, as the script would save them."""
    agent = state["agent"] if "agent" in state else state["parts"]["agent"]
    tensors = {name: np.asarray(tensor) for name, tensor in agent.items()}
    for layer in state["envs"]:
        if layer["layer"] == "NormalizeObservation":
            tensors |= {"obs_mean": layer["mean"], "obs_var": layer["var"]}
    if any(name.startswith("encoder.") for name in tensors):
        tensors["image_shape"] = np.array(spaces.single_observation_space.shape, np.int64)
    return tensors


def _step_in(state: Mapping[str, Any]) -> int:
    """Return the steps of a checkpoint: PPO's counters begin with those of its rollouts."""
    return int(state["counters"][1 if "agent" in state else 0])


def _reward_in(state: Mapping[str, Any], args: RunArgs, spaces: Spaces) -> RewardFn | None:
    """Return the learned reward of a checkpoint; None where it was not fitted yet."""
    saved = state["learner"] if "learner" in state else state["parts"]["learner"]
    # of the run's own segments: what is watched may have another time limit
    learner = make_learner(args, spaces, (saved["loss_options"]["segment_length"],), args.seed)
    learner.load_state_dict(saved)
    return learner.model.predict if learner.model.ready else None
