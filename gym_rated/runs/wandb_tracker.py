"""Runs at Weights & Biases: https://docs.wandb.ai.

Rows are W&B's steps, so that none is there twice; its charts have the environment's steps as their
axis. Whatever else is to be chosen is chosen by the variables of its client: `WANDB_MODE`,
`WANDB_ENTITY`, `WANDB_DIR` and others.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from gym_rated.runs.rows import Row
from gym_rated.runs.tracked import DEFAULT_PROJECT, Begun, Status, TrackedRun

STEP = "global_step"
"""Key of environment steps, which is no tag."""

_EXIT_CODES = {"finished": 0, "failed": 1, "killed": 255}  # the last as its client does at Ctrl-C


class WandbTracker:
    """A run at Weights & Biases."""

    def begin(self, run: TrackedRun, ids: Mapping[str, str]) -> Begun:
        """Begin; raises what its client raises: where nobody is logged in, say."""
        import wandb

        self._tracked = run
        self._run = wandb.init(
            project=ids.get("project") or run.project or _unless("WANDB_PROJECT", DEFAULT_PROJECT),
            entity=ids.get("entity"),
            id=ids.get("id"),
            resume="allow" if ids else None,
            name=_unless("WANDB_NAME", run.name),
            group=_unless("WANDB_RUN_GROUP", run.group),
            job_type=_unless("WANDB_JOB_TYPE", run.script),
            config={**run.flags, "made_on": dict(run.made_on)},
            allow_val_change=True,  # a run that is extended has more steps
            reinit="create_new",  # runs of others in this process stay theirs
        )
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("*", step_metric=STEP)
        found = {"id": self._run.id, "project": self._run.project, "entity": self._run.entity}
        place = self._run.url or os.path.dirname(self._run.dir)
        num_rows = self._run.step if ids else 0
        return Begun({key: value for key, value in found.items() if value}, num_rows, place)

    def send(self, rows: Sequence[Row]) -> None:
        """Log the rows, each at its number."""
        for row in rows:
            self._run.log({STEP: row.step, **row.numbers}, step=row.number)

    def end(self, status: Status, result: Mapping[str, Any]) -> None:
        """Put the result into the summary, what the run made into an artifact, and finish."""
        import wandb

        try:
            self._run.summary.update(dict(result))
            files = list(self._tracked.products()) if status == "finished" else []
            if files:
                artifact = wandb.Artifact(f"run-{self._run.id}", type="model")
                for path, name in files:
                    artifact.add_file(str(path), name)
                self._run.log_artifact(artifact)
        finally:
            self._run.finish(exit_code=_EXIT_CODES[status])


def _unless(variable: str, value: str | None) -> str | None:
    """Return a value, or None where a variable of the client says it."""
    return None if os.environ.get(variable) else value
