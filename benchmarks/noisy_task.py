"""Do the learned weights see which task has wrong targets? Half of the answers are made wrong.

Every segment gets a rating and a score. Of one kind, two in five are drawn anew at random. After a
fit, the answers are revised to the right ones, and the model is fitted again.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from gym_rated import MultitaskLoss, Rating, RatingDataset, RewardEnsemble, RewardLearner, Segment
from gym_rated.raters import Score

WRONG_SHARE = 0.4
NUM_CLASSES = 5
TASKS = ("classification", "score")
NoisyTask = Literal["classification", "score"]


def answers(
    segments: Sequence[Segment], noisy: NoisyTask | None, revision: int, rng: np.random.Generator
) -> list[Rating | Score]:
    """Rate and score segments by the rank of their true return; one kind partly at random."""
    returns = np.array([s.true_rewards.sum() for s in segments])
    ranks = (returns.argsort().argsort() + 0.5) / len(returns)
    is_wrong = rng.random(len(ranks)) < WRONG_SHARE
    drawn = np.where(is_wrong, rng.random(len(ranks)), ranks)
    by_rating = drawn if noisy == "classification" else ranks
    by_score = drawn if noisy == "score" else ranks
    found: list[Rating | Score] = []
    for segment, rated, scored in zip(segments, by_rating, by_score, strict=True):
        found.append(Rating(segment.id, int(NUM_CLASSES * rated), "judge", revision))
        found.append(Score(segment.id, float(scored), "judge", revision))
    return found


def run(noisy: NoisyTask, segments: Sequence[Segment], seed: int, num_later: int = 4) -> dict:
    """Fit to partly wrong answers, then to right ones, and return the weights after each fit.

    Args:
        noisy: The task whose targets are wrong in the first fit.
        segments: All are rated and scored.
        seed: Seed of the model and of the wrong answers.
        num_later: Fits to the right answers.

    Returns:
        The row: `weights_noisy` and `weights_right`, by task, after the first and the last fit.
    """
    rng = np.random.default_rng(seed)
    obs_dim, action_dim = segments[0].obs.shape[1], segments[0].actions.shape[1]
    data = RatingDataset(obs_dim, action_dim, NUM_CLASSES)
    data.add(segments)
    model = RewardEnsemble(obs_dim, action_dim, seed=seed)
    loss = MultitaskLoss(TASKS, num_classes=NUM_CLASSES, scale="shared", segment_value="mean")
    learner = RewardLearner(model, loss, seed=seed)
    data.update(answers(segments, noisy, 0, rng))
    weights: list[dict[str, Any]] = [dict(learner.fit(data).weights)]
    data.update(answers(segments, None, 1, rng))
    weights += [dict(learner.fit(data).weights) for _ in range(num_later)]
    first, last = ({t: round(w[t], 4) for t in TASKS} for w in (weights[0], weights[-1]))
    return {"noisy": noisy, "seed": seed, "weights_noisy": first, "weights_right": last}
