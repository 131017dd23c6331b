"""People as the rater: nothing is lost or doubled, whoever dies; training keeps in step."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import gymnasium as gym
import numpy as np
import ppo as script
import pytest
from answering import Answering, answer_all, draw_all
from envs import make_segment
from killed_runs import as_words, wait_for

from gym_rated import SeededEpisodes
from gym_rated.human import Asking, HumanRater, dataset_from_store
from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import Event, Store, StoreFull, StoreLocked
from gym_rated.raters import Rater
from gym_rated.runs import read_metrics, read_result
from gym_rated.segments import Segment
from gym_rated.vector import RatingFeedbackWrapper

pytestmark = pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")


def make_rater(db: Path, **options: Any) -> HumanRater:
    options = {"env_id": "CartPole-v1", "seed": 7, "num_classes": 3, "page": None} | options
    return HumanRater(db, **options)


def make_envs(rater: HumanRater, record_replay: bool = True, **options: Any) -> Any:
    thunks = [lambda i=i: SeededEpisodes(gym.make("CartPole-v1"), 7, i) for i in range(2)]
    envs = RatingFeedbackWrapper(
        gym.vector.SyncVectorEnv(thunks),
        rater,
        segment_length=5,
        record_replay=record_replay,
        **options,
    )
    envs.action_space.seed(1)
    envs.reset()
    return envs


def walk(envs: Any, steps: int = 60) -> Any:
    for _ in range(steps):
        envs.step(envs.action_space.sample())
    return envs


def by_angle(segment: Segment) -> int:
    """0 if the pole leans far at some time, 2 if it hardly does."""
    return int(rated_by_angle(segment.obs[None])[0])


def rated_by_angle(obs: np.ndarray) -> np.ndarray:
    """The same of (B, T, D); where a segment has ended there are zeros."""
    return np.digitize(-np.abs(obs[:, :, 2]).max(1), [-0.15, -0.07])


def test_answers_reach_the_dataset_once_and_are_of_the_right_segments(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    assert isinstance(rater, Rater)
    envs = walk(make_envs(rater))
    assert envs.query(6) == 6
    assert (rater.pending, envs.collect()) == (6, 0)
    assert answer_all(rater.store, by_angle) == 6
    assert (rater.pending, envs.collect(), envs.collect()) == (0, 6, 0)
    batch = envs.ratings.batch()
    assert batch.ratings.tolist() == rated_by_angle(batch.obs).tolist()
    rater.close()


def test_undo_and_correction_arrive_as_revisions(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    envs = walk(make_envs(rater))
    envs.query(1)
    draw_all(rater.store)
    query = rater.store.next_query("ann")
    said = []
    for k, (kind, rating) in enumerate([("rate", 0), ("undo", None), ("rate", 2), ("rate", 1)]):
        rater.store.record(Event(f"event-{k}", query.id, "ann", kind, rating))
        changed = envs.collect()
        said.append((changed, [r.rating for r in envs.ratings.ratings]))
    assert said == [(1, [0]), (1, []), (1, [2]), (1, [1])]
    rater.close()


def test_segments_that_cannot_be_played_again_are_refused(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    envs = walk(make_envs(rater, record_replay=False))
    with pytest.raises(ValueError, match=r"`segments` must have raw .* with record_replay=True"):
        envs.query(1)
    assert rater.pending == 0


def test_a_recipe_says_how_to_play_a_segment_again(tmp_path: Path) -> None:
    rater = make_rater(
        tmp_path / "r.db", asking=Asking(fps=10), env_kwargs={"sutton_barto_reward": True}
    )
    walk(make_envs(rater)).query(1)
    job = rater.store.take_job("painter").job
    seed = np.random.SeedSequence([7, job.recipe["env_index"], job.recipe["episode"]])
    assert job.recipe["episode_seed"] == int(seed.generate_state(1)[0])
    assert job.recipe["fps"] == 10
    assert job.recipe["length"] in range(1, 6)
    assert job.recipe["env_kwargs"] == {"sutton_barto_reward": True}


def test_the_page_hears_how_long_the_shortest_segments_of_a_run_are(tmp_path: Path) -> None:
    heard = []
    for k, lengths in enumerate((None, 5, (50, 10, 25))):
        rater = make_rater(tmp_path / f"{k}.db", asking=Asking(segment_length=lengths))
        walk(make_envs(rater)).query(1)
        draw_all(rater.store)
        heard.append(rater.store.next_query("ann").segment_length)
        rater.close()
    assert heard == [None, 5, 10]
    with pytest.raises(ValueError, match="`segment_length` must be at least 1, got 0"):
        make_rater(tmp_path / "r.db", asking=Asking(segment_length=0))


def test_guidelines_of_a_text_for_each_class_go_with_the_run(tmp_path):
    texts = ("It lies.", "It walks.", "It runs.")
    with pytest.raises(
        ValueError, match=r"`class_texts` must say of each of the 3 classes .* got 2"
    ):
        make_rater(tmp_path / "r.db", asking=Asking(class_texts=texts[:2]))
    with pytest.raises(ValueError, match=r"`class_texts` must be texts of 1 to 300 characters"):
        make_rater(tmp_path / "r.db", asking=Asking(class_texts=("", *texts[1:])))
    with pytest.raises(TypeError, match=r"`class_texts` must be texts, one for each class"):
        make_rater(tmp_path / "r.db", asking=Asking(class_texts="abc"))
    rater = make_rater(tmp_path / "r.db", asking=Asking(class_texts=texts))
    with Store(tmp_path / "r.db") as store:
        assert store.runs()[0].class_texts == texts
    rater.close()


def test_the_dataset_can_be_rebuilt_from_the_database_alone(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db", run_id="r1")
    envs = walk(make_envs(rater))
    envs.query(6)
    answer_all(rater.store, by_angle)
    envs.collect()
    rater.close()
    ours, rebuilt = envs.ratings.batch(), dataset_from_store(tmp_path / "r.db").batch()
    for name in ("ratings", "obs", "actions", "mask"):
        assert (getattr(ours, name) == getattr(rebuilt, name)).all(), name
    with pytest.raises(ValueError, match="`run_id` must be a run of the store, got 'r2'"):
        dataset_from_store(tmp_path / "r.db", "r2")


def test_a_resumed_run_collects_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    envs = walk(make_envs(rater))
    envs.query(4)
    answer_all(rater.store, by_angle)
    envs.collect()
    checkpoint = envs.state_dict()
    walk(envs).query(3)  # asked about after the checkpoint, and rated after the kill
    rater.close()
    with Store(tmp_path / "r.db") as store:
        assert answer_all(store, by_angle) == 3

    again = make_rater(tmp_path / "r.db")
    resumed = make_envs(again)
    resumed.load_state_dict(checkpoint)
    assert (resumed.ratings.num_segments, len(resumed.ratings)) == (7, 4)
    assert resumed.collect() == 3
    batch = resumed.ratings.batch()
    assert batch.ratings.tolist() == rated_by_angle(batch.obs).tolist()
    again.close()


def test_segments_taken_back_count_against_the_schedule(tmp_path: Path) -> None:
    schedule = {40: 2, 80: 2, 120: 2}
    rater = make_rater(tmp_path / "r.db")
    envs = walk(make_envs(rater, schedule=schedule), 21)  # 42 steps
    checkpoint = envs.state_dict()
    walk(envs, 20)  # 82 steps: two more were asked about
    assert rater.num_asked == 4
    rater.close()
    again = make_rater(tmp_path / "r.db")
    resumed = make_envs(again, schedule=schedule)
    resumed.load_state_dict(checkpoint)
    assert again.num_asked == 4
    walk(resumed, 25)  # past step 80: its two were asked about before
    assert again.num_asked == 4
    walk(resumed, 20)
    assert again.num_asked == 6
    again.close()


def test_a_rating_never_goes_to_another_segment_of_the_same_place(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    first = replace(make_segment("0-0-0"), raw_actions=np.zeros(2))
    rater.submit([first])
    again = make_rater(tmp_path / "r.db")  # resumed from before, it did something else there
    again.load_state_dict(rater.state_dict() | {"names": [], "num_asked": 0})
    taken_back = again.recover()
    other = replace(first, obs=first.obs + 1)
    again.submit([other])
    assert again.pending == 2
    ratings = {float(first.obs[0, 0]): 0, float(other.obs[0, 0]): 2}
    answer_all(again.store, lambda segment: ratings[float(segment.obs[0, 0])])
    said = {answer.segment_id: answer.rating for answer in again.collect()}
    assert said == {taken_back[0].id: 0, "0-0-0": 2}


def test_answers_about_unknown_segments_are_left_alone_and_warned_of(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    rater.submit([replace(make_segment("0-0-0"), raw_actions=np.zeros(2))])
    answer_all(rater.store, lambda segment: 1)
    stranger = make_rater(tmp_path / "r.db")
    with pytest.warns(UserWarning, match="answers about segments that this process did not ask"):
        assert stranger.collect() == []


def test_a_run_that_starts_anew_is_not_mixed_with_an_old_one(tmp_path: Path) -> None:
    segment = replace(make_segment("0-0-0"), raw_actions=np.zeros(2))
    rater = make_rater(tmp_path / "r.db", asking=Asking(new=True))
    rater.submit([segment])
    rater.submit([replace(segment, id="0-0-1")])
    refused = (
        r"`run_id` must be new where no checkpoint is loaded, got 'run', of which .*r\.db has "
        r"segments; go on with that run by --resume FOLDER, or name another by --run-dir"
    )
    with pytest.raises(ValueError, match=refused):
        make_rater(tmp_path / "r.db", asking=Asking(new=True, overlap=2))
    assert rater.store.run("run").overlap == 1  # the refused one changed nothing
    with pytest.raises(ValueError, match=refused):
        make_rater(tmp_path / "r.db").submit([segment])
    make_rater(tmp_path / "r.db", asking=Asking(new=True), run_id="another").submit([segment])
    resumed = make_rater(tmp_path / "r.db")
    resumed.load_state_dict(rater.state_dict())
    resumed.submit([replace(segment, id="0-0-2")])
    assert resumed.pending == 3


def test_a_full_disk_costs_no_segment_and_no_run(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    rater.store.reserve_bytes = 2**62
    with pytest.warns(UserWarning, match="1 segments wait to be stored: .*; training goes on"):
        rater.submit([replace(make_segment("0-0-0"), raw_actions=np.zeros(2))])
    assert rater.pending == 1
    state = rater.state_dict()
    again = make_rater(tmp_path / "r.db")
    again.load_state_dict(state)
    assert again.pending == 1
    assert again.collect() == []
    assert answer_all(again.store, lambda segment: 1) == 1
    assert [answer.rating for answer in again.collect()] == [1]


def test_a_locked_database_costs_no_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gym_rated.human.store.engine.BUSY_TIMEOUT_S", 0.05)
    rater = make_rater(tmp_path / "r.db")
    segment = replace(make_segment("0-0-0"), raw_actions=np.zeros(2))
    with Store(tmp_path / "r.db") as other, other._db.write():
        with pytest.warns(UserWarning, match="1 segments wait .* locked by .*; training goes on"):
            rater.submit([segment])
    assert rater.collect() == []  # and sends what waits
    assert rater.store.pending("run") == 1
    assert answer_all(rater.store, lambda segment: 1) == 1
    assert len(rater.collect()) == 1


def test_a_run_is_not_mixed_with_an_old_one_though_the_database_is_away_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = replace(make_segment("0-0-0"), raw_actions=np.zeros(2))
    make_rater(tmp_path / "r.db").submit([segment])
    rater = make_rater(tmp_path / "r.db")
    with monkeypatch.context() as patch:
        patch.setattr(rater.store, "blobs", _away)
        for k in (1, 2):
            with pytest.warns(UserWarning, match=f"{k} segments wait to be stored: away"):
                rater.submit([replace(segment, id=f"0-0-{k}")])
    with pytest.raises(ValueError, match="`run_id` must be new where no checkpoint is loaded"):
        rater.collect()
    with pytest.raises(ValueError, match="`run_id` must be new where no checkpoint is loaded"):
        rater.submit([segment])
    assert rater.store.pending("run") == 1


def test_a_new_run_goes_on_when_the_database_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rater = make_rater(tmp_path / "r.db")
    segment = replace(make_segment("0-0-0"), raw_actions=np.zeros(2))
    with monkeypatch.context() as patch:
        patch.setattr(rater.store, "blobs", _away)
        with pytest.warns(UserWarning, match="1 segments wait to be stored: away"):
            rater.submit([segment])
    rater.submit([replace(segment, id="0-0-1")])
    assert rater.collect() == []
    assert rater.store.pending("run") == 2


def test_a_run_that_met_a_strange_one_is_not_mixed_with_it_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = replace(make_segment("0-0-0"), raw_actions=np.zeros(2))
    make_rater(tmp_path / "r.db").submit([segment])
    rater = make_rater(tmp_path / "r.db")
    with monkeypatch.context() as patch:
        patch.setattr(rater.store, "blobs", _away)
        with pytest.warns(UserWarning, match="1 segments wait to be stored: away"):
            rater.submit([replace(segment, id="0-0-1")])
        state = rater.state_dict()
    again = make_rater(tmp_path / "r.db")
    with monkeypatch.context() as patch:
        patch.setattr(again.store, "blobs", _away)
        again.load_state_dict(state)
    assert again.recover() == []  # what is there is not of this run
    with pytest.raises(ValueError, match="`run_id` must be new where no checkpoint is loaded"):
        again.collect()
    with pytest.raises(ValueError, match="`run_id` must be new where no checkpoint is loaded"):
        make_rater(tmp_path / "r.db").load_state_dict(state)
    assert rater.store.pending("run") == 1


@pytest.mark.parametrize("with_questions", [False, True])
def test_a_database_older_than_the_checkpoint_is_refused(
    tmp_path: Path, with_questions: bool
) -> None:
    rater = make_rater(tmp_path / "r.db")
    segments = [replace(make_segment(f"0-0-{k}"), raw_actions=np.zeros(2)) for k in range(3)]
    rater.submit(segments)
    answer_all(rater.store, lambda segment: 1)
    rater.collect()
    state = rater.state_dict()
    make_rater(tmp_path / "r.db").load_state_dict(state)
    other = make_rater(tmp_path / "older.db")
    if with_questions:  # and without the answers
        other.submit(segments)
    again = make_rater(tmp_path / "older.db")
    said = f"without {0 if with_questions else 3} of 3 segments, and with answers up to number 0 "
    with pytest.raises(ValueError, match=f"{said}where 3 were read; bring back the newest copy"):
        again.load_state_dict(state)


def test_people_see_what_is_deferred_after_send_and_once(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db", asking=Asking(deferred=True))
    envs = walk(make_envs(rater))
    envs.query(4)
    assert (rater.pending, rater.unsent, rater.store.pending("run")) == (4, 4, 0)
    assert envs.collect() == 0  # which sends nothing either
    assert rater.store.pending("run") == 0
    checkpoint = envs.state_dict()
    rater.send()
    assert (rater.pending, rater.unsent, rater.store.pending("run")) == (4, 0, 4)
    again = make_rater(tmp_path / "r.db", asking=Asking(deferred=True))
    resumed = make_envs(again)
    resumed.load_state_dict(checkpoint)  # killed after send
    assert resumed.collect() == 0
    assert (again.num_asked, again.unsent, again.store.pending("run")) == (4, 4, 4)
    again.send()
    assert (again.num_asked, again.unsent, again.store.pending("run")) == (4, 0, 4)
    assert resumed.ratings.num_segments == 4  # none came back as another
    assert answer_all(again.store, by_angle) == 4
    assert resumed.collect() == 4


def test_answers_taken_together_are_in_the_order_of_the_questions(tmp_path: Path) -> None:
    said = []
    for order in (1, -1):
        rater = make_rater(tmp_path / f"{order}.db", asking=Asking(together=True))
        envs = walk(make_envs(rater))
        envs.query(4)
        draw_all(rater.store)
        queries, held = [], []
        while (query := rater.store.next_query("ann", exclude=held)) is not None:
            queries.append(query)
            held.append(query.id)
        for query in queries[::order]:
            rater.store.record(Event(f"event-{query.id}", query.id, "ann", "rate", query.id % 3))
        envs.collect()
        said.append([(rating.segment_id, rating.rating) for rating in envs.ratings.ratings])
    assert said[0] == said[1]
    assert len(said[0]) == 4


def test_segments_taken_back_are_not_cut_again(tmp_path: Path) -> None:
    schedule = {40: 2, 80: 2, 120: 20}
    rater = make_rater(tmp_path / "r.db")
    envs = walk(make_envs(rater, schedule=schedule), 21)  # 42 steps
    checkpoint = envs.state_dict()
    walk(envs, 20)  # 82 steps: two more were asked about
    rater.close()
    again = make_rater(tmp_path / "r.db")
    resumed = make_envs(again, schedule=schedule)
    resumed.load_state_dict(checkpoint)
    walk(resumed, 41)  # past step 120
    origins = [unpack_segment(blob).origin for _, blob in again.store.blobs("run")]
    later = [origin.policy_step for origin in origins[4:]]
    assert later
    assert min(later) >= 80  # what step 80 was to ask about is offered no more
    again.close()


def _away(run_id: str) -> Iterator[Any]:
    raise StoreLocked("away")


def test_answers_can_be_collected_only_when_all_are_in(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db", asking=Asking(together=True))
    envs = walk(make_envs(rater))
    envs.query(2)
    draw_all(rater.store)
    for k, collected in enumerate([0, 2]):
        query = rater.store.next_query("ann")
        rater.store.record(Event(f"event-{k}", query.id, "ann", "rate", k))
        assert envs.collect() == collected


def test_another_criterion_for_a_known_run_is_refused(tmp_path: Path) -> None:
    make_rater(tmp_path / "r.db").close()
    with pytest.raises(ValueError, match="`num_classes` of run 'run' must stay 3, got 4"):
        make_rater(tmp_path / "r.db", num_classes=4)


@pytest.mark.parametrize(("num_classes", "last"), [(2, "good"), (5, "very good"), (7, "7 (best)")])
def test_classes_have_names_for_people(tmp_path: Path, num_classes: int, last: str) -> None:
    names = make_rater(tmp_path / "r.db", num_classes=num_classes).run.class_names
    assert (len(names), names[-1]) == (num_classes, last)


def test_full_store_is_among_what_passes() -> None:
    from gym_rated.human.rater import PASSING

    assert StoreFull in PASSING


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gym_rated.human.pacing._POLL_S", 0.02)


SHORT = {
    "env_id": "CartPole-v1",
    "total_timesteps": 8 * 512,
    "num_envs": 4,
    "num_steps": 128,
    "num_ratings": 40,
    "num_classes": 3,
    "segment_length": (10,),
    "first_steps": 10,
    "later_steps": 5,
    "rater": "human",
    "serve": False,
    "scale": "group",
    "tasks": ("pairwise",),
    "tensorboard": False,
}


@pytest.mark.long
@pytest.mark.usefixtures("hurry")
def test_a_script_learns_from_a_person_in_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, counts = tmp_path / "run", []
    collect_rollout = script.Trainer.collect_rollout

    def count(trainer: Any, writer: Any) -> None:
        counts.append((trainer.stack.rater.num_asked, len(trainer.stack.feedback.ratings)))
        collect_rollout(trainer, writer)

    monkeypatch.setattr(script.Trainer, "collect_rollout", count)
    args = script.Args(**SHORT, max_lead=0, extra_steps=2 * 512, run_dir=folder)
    with Answering(folder / "ratings.db", by_angle) as person:
        script.train(args)
    assert person.rated == 40
    assert all(asked == answered for asked, answered in counts)
    assert counts[0] == (0, 0)
    assert counts[-1] == (40, 40)
    result = read_result(folder)
    assert (result["num_ratings"], result["global_step"]) == (40, 10 * 512)
    assert result["fit"]["ready"]
    assert read_metrics(folder)["rated/num_ratings"][1][-1] == 40
    assert len(dataset_from_store(folder / "ratings.db")) == 40


@pytest.mark.long
@pytest.mark.usefixtures("hurry")
def test_a_script_gives_up_where_nobody_answers_and_goes_on_when_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    args = script.Args(**SHORT, max_lead=0, rater_timeout_s=0.2, run_dir=folder)
    with pytest.raises(TimeoutError, match=f"continue this run with --resume {folder}"):
        script.train(args)
    assert not (folder / "result.json").exists()
    with Answering(folder / "ratings.db", by_angle):
        with Store(folder / "ratings.db") as store:  # the timeout is in the arguments of the run
            while store.pending(store.runs()[0].id):
                time.sleep(0.05)
    with Answering(folder / "ratings.db", by_angle):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gym_rated.human.pacing.Pacing._nobody", lambda *_: "too slow")
            patch.setattr(script.session, "make_pacing", _patient(script.session.make_pacing))
            script.train(script.Args(resume=folder))
    assert read_result(folder)["num_ratings"] == 40


def _patient(make: Any) -> Any:
    def make_patient(*args: Any) -> Any:
        pacing = make(*args)
        pacing.timeout_s = 600.0
        return pacing

    return make_patient


@pytest.mark.long
@pytest.mark.parametrize("name", ["ppo", "sac_continuous_action"])
def test_a_script_killed_before_its_first_checkpoint_is_resumed_and_never_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    script = import_module(name)
    env_id = "CartPole-v1" if name == "ppo" else "Pendulum-v1"
    flags = {k: v for k, v in SHORT.items() if name == "ppo" or k not in ("num_steps", "num_envs")}
    flags |= {"num_steps": 600} if name == "ppo" else {"network_width": 16, "batch_size": 16}
    flags |= {"env_id": env_id, "total_timesteps": 6_000, "max_lead": 1_000}
    folder, db = tmp_path / "r1", tmp_path / "lab.db"
    send = HumanRater.send

    def killed(rater: HumanRater) -> None:
        send(rater)
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "save_state", lambda *_: None)  # none of the loop's
    with monkeypatch.context() as patch:
        patch.setattr(HumanRater, "send", killed)
        with pytest.raises(KeyboardInterrupt):
            script.train(script.Args(**flags, rater_db=str(db), run_dir=folder))
    with Store(db) as store:
        num_asked = store.pending("r1")
    assert num_asked > 0
    with pytest.raises(ValueError, match="`run_id` must be new"):
        script.train(script.Args(**flags, rater_db=str(db), run_dir=tmp_path / "other" / "r1"))
    assert not (tmp_path / "other").exists()
    with monkeypatch.context() as patch:
        patch.setattr("gym_rated.human.pacing.Pacing.hold", lambda *_, **__: False)
        assert script.train(script.Args(resume=folder))["num_ratings"] == 0
    with Store(db) as store:
        assert store.pending("r1") >= num_asked


@pytest.mark.slow
def test_a_killed_trainer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder, db = tmp_path / "run", tmp_path / "run" / "ratings.db"
    flags = SHORT | {"total_timesteps": 20 * 512, "max_lead": 5, "run_dir": folder}
    command = [sys.executable, script.__file__, *as_words(flags)]
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    rng = np.random.default_rng(0)
    again = [sys.executable, script.__file__, "--resume", folder]
    with Answering(db, by_angle) as person:
        for k in range(4):
            with TemporaryFile("w+") as said:
                words = command if k == 0 else again
                process = subprocess.Popen(words, env=environ, stdout=said, stderr=said)
                wait_for((folder / "checkpoint").exists, process, said)
                time.sleep(rng.uniform(0.5, 4.0))
                process.send_signal(signal.SIGKILL)
                process.wait()
        done = subprocess.run(again, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    with Store(db) as store:
        run = store.runs()[0]
        answers, _ = store.answers_since(run.id, None)
        assert person.rated == len(answers) == len({a.segment_id for a in answers})
    result = read_result(folder)
    assert result["num_ratings"] == len(answers)  # whatever was said was learned from
    assert result["num_ratings"] == 40  # and nobody was asked for more than promised
    steps = [
        json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]
    assert steps == sorted(steps)
