"""A training run that a test kills: it asks about segments once, and waits for all answers.

`python trainer.py FOLDER` goes on from the checkpoint in the folder, if there is one.
"""

import sys
from pathlib import Path

from reel import make_envs

from gym_rated.checkpoint import load_state, save_state
from gym_rated.human import Asking, HumanRater, Pacing, Page

NUM_ASKED = 5


def main(folder: Path) -> None:
    rater = HumanRater(
        folder / "ratings.db",
        env_id="Pendulum-v1",
        seed=3,
        num_classes=4,
        asking=Asking(duplicate_rate=0),
        page=Page(size=160),
    )
    envs = make_envs(rater, "Pendulum-v1", segment_length=30)
    checkpoint = folder / "checkpoint"
    if checkpoint.exists():
        envs.load_state_dict(load_state(checkpoint))

    def save() -> None:
        save_state(checkpoint, envs.state_dict())

    envs.reset()
    pacing = Pacing(rater, save, max_lead=0)
    for step in range(10_000):
        if pacing.hold(2 * step):
            envs.collect()
            print(f"has {len(envs.ratings)} of {rater.num_asked}", flush=True)
            break
        envs.step(envs.action_space.sample())
        if step == 100 and not rater.num_asked:
            envs.query(NUM_ASKED)
            print(f"asked {rater.num_asked}", flush=True)
    pacing.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
