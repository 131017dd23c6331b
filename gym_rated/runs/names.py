"""The names of the run format: files of a run's folder, columns and tags of its metrics.

Scripts write under these names; plots, reports, benchmarks and the commands read under them.
"""

CONFIG = "config.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
TRACKING = "tracking.json"
CHECKPOINT = "checkpoint"
POLICY = "policy.safetensors"
REWARD_MODEL = "reward_model"
RATINGS = "ratings/ratings.npz"
PREDICTIONS = "predictions"
DATABASE = "ratings.db"
VIDEOS = "videos"
WATCHED = "watched"  # a folder: what people rated while they watched, in a database of its own
LOCK = "run.lock"
OWNER = "run.lock.json"

FORMAT = 2
"""Of what a run's folder holds; 1 was without a number in config and checkpoint."""

SEALED = (CONFIG, METRICS, POLICY, REWARD_MODEL, RATINGS.partition("/")[0], PREDICTIONS)
"""What a result seals, files and folders: what a run made, and nothing that others still write."""

COLUMNS = ("step", "time_s")
"""Columns of every row of metrics, beside the tags."""

TRUE_RETURN = "charts/episodic_return"
EPISODE_LENGTH = "charts/episodic_length"
LEARNED_RETURN = "charts/learned_return"
SPEED = "charts/SPS"

FIT_PREFIX = "rated/"  # then a name of `FitReport.as_dict`
WEIGHT_PREFIX = f"{FIT_PREFIX}weight/"  # then the task
CLASS_PREFIX = f"{FIT_PREFIX}class_count/"  # then the class
CONTRADICTING = "contradicting/"  # of `FitReport.as_dict`; then the rater
AGREEING = "agreeing/"  # likewise; then num, pairs or share, and the rater
AGREEING_PREFIX = f"{FIT_PREFIX}{AGREEING}"
CONTRADICTING_PREFIX = f"{FIT_PREFIX}{CONTRADICTING}"
NUM_RATINGS = f"{FIT_PREFIX}num_ratings"
FIT_STEPS = f"{FIT_PREFIX}steps"
REFUSED_UPDATES = f"{FIT_PREFIX}refused_updates"
HELD_OUT_SPEARMAN = f"{FIT_PREFIX}held_out/spearman"
HELD_OUT_KAPPA = f"{FIT_PREFIX}held_out/kappa"
FRESH_SPEARMAN = f"{FIT_PREFIX}fresh/spearman"
TRUE_ADVANTAGE = f"{FIT_PREFIX}truth/advantage"
TRUE_STEP = f"{FIT_PREFIX}truth/step"

SCORE_EPISODES = 50
"""The score of a run is the mean true return of that many episodes, its last."""
