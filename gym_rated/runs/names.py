"""The names of the run format: files of a run's folder, columns and tags of its metrics."""

CONFIG = "config.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
CHECKPOINT = "checkpoint"
SEALED = (CONFIG, METRICS, "policy.safetensors", "reward_model", "ratings")
"""What a result seals, files and folders: what a run made, and nothing that others still write."""

COLUMNS = ("step", "time_s")
"""Columns of every row of metrics, beside the tags."""

TRUE_RETURN = "charts/episodic_return"
LEARNED_RETURN = "charts/learned_return"
WEIGHT_PREFIX = "rated/weight/"  # then the task
CLASS_PREFIX = "rated/class_count/"  # then the class
