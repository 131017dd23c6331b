"""A loop of one's own that saves the wrappers' state survives a kill at every event, too.

What it saves, and in which order, is what docs/reliability.md tells users to do.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from arms import NUM_ASKED, NUM_CLASSES, Faults, RemoteRater, answer, asked_and_answered, by_content
from killing import Events, chosen_kills, die, forked
from tally import Tally

from gym_rated import (
    CallableRater,
    MultitaskLoss,
    ReplayRater,
    RewardEnsemble,
    RewardLearner,
    SeededEpisodes,
    SeveralRaters,
    SyntheticRater,
    vector,
)
from gym_rated.checkpoint import load_state, save_state
from gym_rated.human import Asking, HumanRater
from gym_rated.runs.stack import load_stack_state, stack_state

pytestmark = pytest.mark.faults

KILLS = 12


def _human(folder: Path) -> HumanRater:
    return HumanRater(
        folder / "ratings.db",
        env_id="CartPole-v1",
        seed=7,
        num_classes=NUM_CLASSES,
        asking=Asking(deferred=True),
        page=None,
    )


def _several(_folder: Path) -> SeveralRaters:
    people = [SyntheticRater(NUM_CLASSES, name=name, seed=k) for k, name in enumerate("ab")]
    return SeveralRaters(people, overlap=2)


RATERS: dict[str, Callable[[Path], Any]] = {
    "synthetic": lambda _: SyntheticRater(NUM_CLASSES, mistake_rate=0.2, seed=1),
    "callable": lambda _: CallableRater(by_content, NUM_CLASSES),
    "several": _several,
    "replay, waiting": lambda _: ReplayRater([], NUM_CLASSES, unrecorded="wait"),
    "remote": lambda folder: RemoteRater(folder / "questions"),
    "human": _human,
}


@dataclass
class Loop:
    """Random actions, queries of one's own, a fit after each, and a checkpoint now and then."""

    rater: Any

    def __post_init__(self) -> None:
        thunks = [lambda i=i: SeededEpisodes(gym.make("CartPole-v1"), 7, i) for i in range(2)]
        self.feedback = vector.RatingFeedbackWrapper(
            gym.vector.SyncVectorEnv(thunks),
            self.rater,
            segment_length=8,
            record_replay=True,
        )
        spaces = self.feedback.single_observation_space, self.feedback.single_action_space
        self.model = RewardEnsemble.for_spaces(*spaces, num_members=2, hidden_sizes=(8,), seed=1)
        loss = MultitaskLoss(num_classes=NUM_CLASSES, scale="shared", num_members=2)
        self.learner = RewardLearner(self.model, loss, first_steps=4, later_steps=2, seed=1)
        self.envs = vector.LearnedRewardWrapper(self.feedback, self.model.predict)
        self.rng = np.random.default_rng(1)
        self.step, self.paid = 0, 0.0
        self.envs.reset()

    def state_dict(self) -> dict[str, Any]:
        return {
            "envs": stack_state(self.envs),
            "learner": self.learner.state_dict(),
            "rng": self.rng.bit_generator.state,
            "counters": [self.step, self.paid],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        load_stack_state(self.envs, state["envs"])
        self.learner.load_state_dict(state["learner"])
        self.rng.bit_generator.state = state["rng"]
        self.step, self.paid = state["counters"]

    def save(self, folder: Path) -> None:
        """Keep the state; only then ask about what it holds."""
        save_state(folder / "checkpoint", self.state_dict())
        if hasattr(self.rater, "send"):
            self.rater.send()
            if isinstance(self.rater, HumanRater):
                answer(self.rater.store, len(self.rater._names))

    def train(self, folder: Path, faults: Faults = MappingProxyType({})) -> list[str]:
        events = Events(faults)
        events.watch_all()
        folder.mkdir(exist_ok=True)
        if (folder / "checkpoint" / "manifest.json").exists():
            self.load_state_dict(load_state(folder / "checkpoint"))
        if hasattr(self.rater, "send"):
            self.save(folder)
        while self.step < 150:
            self.step += 1
            rewards = self.envs.step(self.rng.integers(2, size=2))[1]
            self.paid += float(np.sum(rewards))
            if self.step % 50 == 0:
                self.feedback.query(4)
            if self.step % 20 == 0:
                self.save(folder)
            if self.feedback.collect():
                self.learner.fit(self.feedback.ratings)
        self.save(folder)
        self.feedback.collect()
        return events.names


def _begin(kind: str, folder: Path, faults: Faults = MappingProxyType({})) -> dict[str, Any]:
    """Run a loop; returns what happened, and what must not depend on a kill."""
    folder.mkdir(exist_ok=True)
    loop = Loop(RATERS[kind](folder))
    names = loop.train(folder, faults)
    ratings = [[r.segment_id, r.rating, r.rater] for r in loop.feedback.ratings.ratings]
    found = {"ratings": ratings, "paid": loop.paid, "asked": loop.feedback.ratings.num_segments}
    if kind == "human":
        found["log"] = [list(part) for part in asked_and_answered(folder / "ratings.db")]
    return {"names": names, "found": found}


@pytest.mark.parametrize("kind", RATERS)
def test_a_loop_of_ones_own_that_was_killed_ends_as_if_it_had_not_been(
    kind: str, folder: Path, tally: Tally
) -> None:
    whole = forked(folder / "said.txt", _begin, kind, folder / "whole")
    assert not whole.error, (folder / "said.txt").read_text()
    assert whole.value["found"]["asked"] == NUM_ASKED
    names, row = whole.value["names"], f"kill: own loop, {kind}"
    for at in chosen_kills(names, KILLS, seed=len(kind)):
        killed = forked(folder / "said.txt", _begin, kind, folder / str(at), {at: die})
        assert killed.signal == signal.SIGKILL
        resumed = forked(folder / "said.txt", _begin, kind, folder / str(at))
        same = not resumed.error and resumed.value["found"] == whole.value["found"]
        example = f"{names[at]} ({at}): {resumed if resumed.error else resumed.value['found']}"
        tally.record(row, "kept" if same else "lost", example)
    assert not [text for text in tally.lost if text.startswith(row)]
