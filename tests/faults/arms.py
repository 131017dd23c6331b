"""Short runs of every script with every rater, and what two of them must have in common."""

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from killed_runs import rows
from killing import Events

from gym_rated import CallableRater, Rating, ReplayRater, Segment, SeveralRaters, SyntheticRater
from gym_rated.checkpoint import load_state
from gym_rated.checkpoint.skeleton import encode
from gym_rated.human import HumanRater, pacing
from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import PASSING, Clip, Event, Store
from gym_rated.runs.names import CHECKPOINT, DATABASE, POLICY, RATINGS, RESULT, REWARD_MODEL

Faults = Mapping[int, Callable[[], object]]
SCHEDULE = {90: 4, 160: 4, 230: 4}
NUM_ASKED = sum(SCHEDULE.values())
NUM_CLASSES = 3
SELDOM, OFTEN = 1e9, 0.0  # seconds between checkpoints: after the first step only, and at each look
_FLAGS = {
    "num_ratings": NUM_ASKED,
    "num_classes": NUM_CLASSES,
    "num_envs": 2,
    "segment_length": (8,),
    "hidden_sizes": (8,),
    "num_members": 2,
    "first_steps": 4,
    "later_steps": 2,
    "tensorboard": False,
    "tasks": ("pairwise",),
    "scale": "group",
}
_PPO = {"num_steps": 32, "num_minibatches": 2, "update_epochs": 1, "total_timesteps": 6 * 64}
_SAC = {"learning_starts": 200, "batch_size": 8, "network_width": 8, "total_timesteps": 320}
SCRIPTS = {
    "ppo": {"env_id": "CartPole-v1", **_PPO},
    "ppo_continuous_action": {"env_id": "Pendulum-v1", **_PPO},
    "sac_continuous_action": {"env_id": "Pendulum-v1", **_SAC},
}
_HUMAN = {"rater": "human", "serve": False}
_IMPATIENT = {**_HUMAN, "rater_timeout_s": 8.0}  # so that a run whose database is gone ends
RATERS: dict[str, dict[str, Any]] = {  # the flags of each
    "synthetic": {"checkpoint_every_s": OFTEN, "mistake_rate": 0.2},
    "shuffled": {"checkpoint_every_s": SELDOM, "shuffle_ratings": True},
    "several": {"checkpoint_every_s": SELDOM},
    "callable": {"checkpoint_every_s": OFTEN},
    "replayed file": {"checkpoint_every_s": SELDOM},
    "remote": {"checkpoint_every_s": SELDOM},
    "human, waited for": {"checkpoint_every_s": SELDOM, "max_lead": 0, **_IMPATIENT},
    "human, in the lead": {"checkpoint_every_s": OFTEN, "max_lead": 50, **_HUMAN},
    "human, slow": {"checkpoint_every_s": SELDOM, "max_lead": 4, **_HUMAN},
}
ON_A_PAGE = "human, on a page"  # who is answered from outside, by HTTP
_ON_A_PAGE = {"checkpoint_every_s": SELDOM, "max_lead": 0, **_HUMAN}


@dataclass(frozen=True)
class Arm:
    """A script and who rates."""

    script: str
    rater: str
    recorded: Path | None = None  # ratings, for who repeats them

    def __str__(self) -> str:
        return f"{self.script}, {self.rater}"

    @property
    def module(self) -> ModuleType:
        return import_module(self.script)

    def train(self, folder: Path, faults: Faults = MappingProxyType({})) -> list[str]:
        """Begin the run in a folder, or go on with it; returns what happened, by name."""
        script, events = self.module, Events(faults)
        pacing._POLL_S = 0.002
        # when it saves depends on the number of looks at the clock, not on this machine's speed
        script.time = SimpleNamespace(monotonic=itertools.count().__next__)
        script.parts.make_schedule = lambda *_, **__: dict(SCHEDULE)
        if (maker := _MAKERS.get(self.rater)) is not None:
            script.parts.make_rater = lambda *_, **__: maker(self, folder)
        if "human" in self.rater and self.rater != ON_A_PAGE:
            _answer_when_sent(late="slow" in self.rater)
        events.watch_all()
        if (folder / CHECKPOINT / "manifest.json").exists():
            script.train(script.Args(resume=folder))
        else:
            script.train(script.Args(**self.flags, run_dir=folder))
        return events.names

    @property
    def flags(self) -> dict[str, Any]:
        return {**_FLAGS, **SCRIPTS[self.script], **RATERS.get(self.rater, _ON_A_PAGE)}


def by_content(segment: Segment) -> int:
    """A rating that depends on the segment only."""
    return hashlib.sha256(segment.obs.tobytes()).digest()[0] % NUM_CLASSES


class RemoteRater:
    """Asks by files, which outlive the process; who answers does so when asked."""

    num_classes, name = NUM_CLASSES, "remote"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chosen: dict[str, int] = {}  # not sent yet, with what will be said of it
        self.waiting: list[str] = []

    @property
    def pending(self) -> int:
        return len(self.chosen) + len(self.waiting)

    @property
    def unsent(self) -> int:
        return len(self.chosen)

    def submit(self, segments: Sequence[Segment]) -> None:
        self.chosen |= {segment.id: by_content(segment) for segment in segments}

    def send(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for segment_id, rating in self.chosen.items():
            with (self.folder / segment_id).open("a") as file:
                file.write(f"{rating}\n")
        self.waiting += self.chosen
        self.chosen = {}

    def collect(self) -> list[Rating]:
        answered, self.waiting = self.waiting, []
        said = {name: (self.folder / name).read_text().split() for name in answered}
        return [Rating(name, int(words[0]), self.name) for name, words in said.items()]

    def state_dict(self) -> dict[str, Any]:
        return {"chosen": dict(self.chosen), "waiting": list(self.waiting)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.chosen, self.waiting = dict(state["chosen"]), list(state["waiting"])


def _several(_arm: Arm, _folder: Path) -> Any:
    people = [
        SyntheticRater(NUM_CLASSES, name=n, seed=k, slip_rate=0.3) for k, n in enumerate("ab")
    ]
    return SeveralRaters(people, overlap=1, seed=3)


_MAKERS: dict[str, Callable[[Arm, Path], Any]] = {
    "several": _several,
    "callable": lambda *_: CallableRater(by_content, NUM_CLASSES),
    "replayed file": lambda arm, _: ReplayRater.from_file(arm.recorded or "", NUM_CLASSES),
    "remote": lambda _, folder: RemoteRater(folder.with_name(folder.name + "-questions")),
}


def _answer_when_sent(late: bool) -> None:
    """Let people answer at one point of the run: where it has asked them, before it goes on."""
    send = HumanRater.send

    def send_and_be_answered(rater: HumanRater) -> None:
        send(rater)
        known = len(rater._names)
        with suppress(*PASSING):  # they try again
            answer(rater.store, known - 4 if late and known < NUM_ASKED else known)

    HumanRater.send = send_and_be_answered  # type: ignore[method-assign]


def answer(store: Store, num: int) -> None:
    """Draw and rate the first `num` segments of the only run, as others would."""
    run_id = store.runs()[0].id
    blobs = dict(list(store.blobs(run_id))[:num])
    segments = {name: unpack_segment(blob) for name, blob in blobs.items()}
    said = {row.segment_id for row in store.answers_since(run_id, None)[0]}
    while set(blobs) - said:
        while (taken := store.take_job("painter", lease_s=0.05)) is not None:
            store.finish_job(taken, Clip(taken.job.segment_id.encode(), "webp", 8, 8, 50.0, 10))
        query = store.next_query("ann", lease_s=0.05)
        if query is not None and query.segment_id in segments:
            rating = by_content(segments[query.segment_id])
            store.record(Event(f"ann-{query.id}", query.id, "ann", "rate", rating))
            said.add(query.segment_id)


def traces(folder: Path) -> dict[str, Any]:
    """Return all of a finished run that must not depend on whether it was killed."""
    result = json.loads((folder / RESULT).read_text())
    result = {k: v for k, v in result.items() if k not in ("steps_per_second", "sha256", "fit")}
    found: dict[str, Any] = {"metrics": rows(folder), "result": result}
    for path in (folder / POLICY, folder / RATINGS):
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    arrays: dict[str, np.ndarray] = {}  # the files themselves have a number in their names
    found[REWARD_MODEL] = encode(load_state(folder / REWARD_MODEL), "model", arrays)
    found["weights"] = {name: array.tobytes() for name, array in arrays.items()}
    if (folder / DATABASE).exists():
        found["asked"], found["answered"] = asked_and_answered(folder / DATABASE)
    questions = folder.with_name(folder.name + "-questions")
    if questions.exists():
        found["asked"] = sorted(path.name for path in questions.iterdir())
    return found


def asked_and_answered(db: Path) -> tuple[list[str], list[tuple[str, str, int]]]:
    """Return the ids of the segments in a database, and (segment, rater, rating) of its log."""
    with Store(db) as store:
        run_id = store.runs()[0].id
        asked = [name for name, _ in store.blobs(run_id)]
        log = store.answers_since(run_id, None)[0]
    return asked, [(row.segment_id, row.rater, row.rating) for row in log]


def overlaps(segments: Sequence[Segment]) -> bool:
    """Whether two segments share a step."""
    steps = [
        (s.origin.env_index, s.origin.episode, s.origin.first_step + k)
        for s in segments
        for k in range(len(s))
    ]
    return len(set(steps)) < len(steps)


def warm_up() -> None:
    """Import what a run imports when it begins, so that its forks need not."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # the first one imports a thousand files
    for script, flags in SCRIPTS.items():
        import_module(script)
        gym.make(str(flags["env_id"])).close()
    with Store(Path("/tmp") / f"gym_rated-warm-{id(gym)}.db") as store:
        path = store.place.file
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()
