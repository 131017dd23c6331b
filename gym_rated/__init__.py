"""Learn Gymnasium rewards from ratings.

Steps become segments, segments get ratings, ratings fit a reward model, and the model is a plain
function that a wrapper calls instead of the true reward. Names and modules are imported on first
use (PEP 562), so that importing this package or its wrappers does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gym_rated.environments.registration import register_ids

if TYPE_CHECKING:
    from gym_rated import vector
    from gym_rated.environments.horizon import FixedHorizon
    from gym_rated.environments.seeded import SeededEpisodes
    from gym_rated.fitting import FitReport, HeldOut, RewardLearner, fit, learner_for_spaces
    from gym_rated.losses import (
        MultitaskLoss,
        classification_loss,
        ordinal_loss,
        pairwise_loss,
        ranking_loss,
        rating_targets,
        regression_loss,
        score_loss,
    )
    from gym_rated.queries import query_schedule
    from gym_rated.raters import (
        SKIPPED,
        Answer,
        CallableRater,
        Comparison,
        Rater,
        Rating,
        Score,
        SeveralRaters,
        ShuffledRater,
        SwitchingRater,
        SyntheticRater,
    )
    from gym_rated.raters.recorded import ReplayRater
    from gym_rated.ratings import RatedBatch, RatingDataset
    from gym_rated.reward_model import ConvRewardEnsemble, RewardEnsemble, load_reward_model
    from gym_rated.segments import Origin, Segment, SegmentBuffer
    from gym_rated.segments.encoding import encode_actions
    from gym_rated.wrappers import LearnedRewardWrapper, RatingFeedbackWrapper

    __version__: str

_FACES = (  # modules that users import from, in the order of the data
    *("segments", "raters", "queries", "exploration", "ratings", "losses", "reward_model"),
    *("fitting", "wrappers", "vector", "human", "sb3", "recorded"),
    *("runs", "checkpoint", "metrics", "statistics", "plots"),
)
_MODULE_OF = {
    "Segment": "segments",
    "Origin": "segments",
    "SegmentBuffer": "segments",
    "encode_actions": "segments",
    "Rater": "raters",
    "Rating": "raters",
    "Score": "raters",
    "Comparison": "raters",
    "Answer": "raters",
    "SKIPPED": "raters",
    "SyntheticRater": "raters",
    "CallableRater": "raters",
    "ShuffledRater": "raters",
    "SeveralRaters": "raters",
    "SwitchingRater": "raters",
    "query_schedule": "queries",
    "RatingDataset": "ratings",
    "RatedBatch": "ratings",
    "ReplayRater": "raters",
    "classification_loss": "losses",
    "regression_loss": "losses",
    "rating_targets": "losses",
    "pairwise_loss": "losses",
    "ranking_loss": "losses",
    "score_loss": "losses",
    "ordinal_loss": "losses",
    "MultitaskLoss": "losses",
    "RewardEnsemble": "reward_model",
    "ConvRewardEnsemble": "reward_model",
    "load_reward_model": "reward_model",
    "RewardLearner": "fitting",
    "FitReport": "fitting",
    "HeldOut": "fitting",
    "fit": "fitting",
    "learner_for_spaces": "fitting",
    "RatingFeedbackWrapper": "wrappers",
    "LearnedRewardWrapper": "wrappers",
    "SeededEpisodes": "environments.seeded",
    "FixedHorizon": "environments.horizon",
}

__all__ = [  # noqa: RUF022 (in the order of the data, like the table above)
    "Segment",
    "Origin",
    "SegmentBuffer",
    "encode_actions",
    "Rater",
    "Rating",
    "Score",
    "Comparison",
    "Answer",
    "SKIPPED",
    "SyntheticRater",
    "CallableRater",
    "ShuffledRater",
    "SeveralRaters",
    "SwitchingRater",
    "query_schedule",
    "RatingDataset",
    "RatedBatch",
    "ReplayRater",
    "classification_loss",
    "regression_loss",
    "rating_targets",
    "pairwise_loss",
    "ranking_loss",
    "score_loss",
    "ordinal_loss",
    "MultitaskLoss",
    "RewardEnsemble",
    "ConvRewardEnsemble",
    "load_reward_model",
    "RewardLearner",
    "FitReport",
    "HeldOut",
    "fit",
    "learner_for_spaces",
    "RatingFeedbackWrapper",
    "LearnedRewardWrapper",
    "SeededEpisodes",
    "FixedHorizon",
    "vector",
    "__version__",
]


register_ids()


def __getattr__(name: str) -> Any:
    """Import a public name or module the first time it is used."""
    if name in _FACES:
        return import_module(f"gym_rated.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("gym_rated")
    if name not in _MODULE_OF:
        raise AttributeError(f"module `gym_rated` has no attribute `{name}`")
    value = getattr(import_module(f"gym_rated.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names and modules, imported or not, and nothing else."""
    return sorted({*__all__, *_FACES})
