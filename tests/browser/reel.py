"""Real clips to rate: segments of Pendulum, drawn as the render worker draws them."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym

from gym_rated import SeededEpisodes
from gym_rated.human import HumanRater
from gym_rated.human.clips.worker import Worker, WorkerArgs
from gym_rated.human.store import Clip, Job, Run, Store
from gym_rated.vector import RatingFeedbackWrapper

CLASSES = ("falls", "hangs", "swings up", "stands")
RUN = Run("swing", 4, CLASSES, "How upright does it stay?", task="Pendulum", duplicate_rate=0)
NUM_TAKES = 12
SEED = 3


class Take(NamedTuple):
    """What a store needs to ask about a segment: the job, and what became of it."""

    job: Job
    clip: Clip


@lru_cache(maxsize=1)
def takes(folder: Path) -> tuple[Take, ...]:
    """Record segments and draw them, once a session."""
    rater = HumanRater(folder / "reel.db", env_id="Pendulum-v1", seed=SEED, page=None)
    envs = make_envs(rater, "Pendulum-v1", segment_length=30)
    jobs, add = [], rater.store.add_jobs
    rater.store.add_jobs = lambda run, new: (jobs.extend(new), add(run, new))
    envs.reset()
    for _ in range(200):
        envs.step(envs.action_space.sample())
    envs.query(NUM_TAKES)
    worker = Worker(rater.store, WorkerArgs(db="", size=160))
    while worker.do_one():
        pass
    shown = {}
    for _ in jobs:
        query = rater.store.next_query("projectionist", exclude=[q for q, _ in shown.values()])
        shown[query.segment_id] = query.id, rater.store.clip(query.clip_sha256)
    rater.close()
    envs.close()
    return tuple(Take(job, shown[job.segment_id][1]) for job in jobs)


def make_envs(rater, env_id: str, *, segment_length: int, num_envs: int = 2, **options):
    """Return environments that ask `rater` about segments, acting from a fixed seed."""
    thunks = [lambda i=i: SeededEpisodes(gym.make(env_id), SEED, i) for i in range(num_envs)]
    envs = RatingFeedbackWrapper(
        gym.vector.SyncVectorEnv(thunks),
        rater,
        segment_length=segment_length,
        record_replay=True,
        **options,
    )
    envs.action_space.seed(SEED)
    return envs


def fill(url, material: tuple[Take, ...], number: int, run: Run = RUN, **options) -> list[int]:
    """Ask about `number` segments in a run; returns the ids of the queries."""
    with Store(url, **options) as store:
        store.open_run(run)
        chosen = [material[k % len(material)] for k in range(number)]
        old = sum(1 for _ in store.blobs(run.id))
        jobs = [
            Job(f"{run.id}-{old + k}", take.job.blob, take.job.recipe, 100 * k)
            for k, take in enumerate(chosen)
        ]
        store.add_jobs(run.id, jobs)
        return [store.finish_job(store.take_job("reel"), take.clip) for take in chosen]
