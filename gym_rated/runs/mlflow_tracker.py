"""Runs at MLflow: https://mlflow.org/docs.

A tag says how many rows a run has there, so that none is there twice. The server, and whatever else
is to be chosen, is chosen by the variables of its client: `MLFLOW_TRACKING_URI` and others.
"""

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gym_rated.runs.rows import Row
from gym_rated.runs.tracked import DEFAULT_PROJECT, Begun, Status, TrackedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

NUM_ROWS = "gym_rated.num_rows"
"""Tag of a run: how many rows it has."""

_MOST_METRICS = 1000  # that a server takes at a time
_MOST_PARAMS = 100  # likewise
_LONGEST_NAME = 250
_LONGEST_VALUE = 500
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}


class MlflowTracker:
    """A run at MLflow."""

    def begin(self, run: TrackedRun, ids: Mapping[str, str]) -> Begun:
        """Begin; raises what its client raises: where no server answers, say."""
        import mlflow

        self._tracked = run
        self._client = mlflow.MlflowClient()
        self._last_ms = 0
        if ids:
            self._run_id = ids["run_id"]
            found = self._client.get_run(self._run_id)
            self._client.update_run(self._run_id, status="RUNNING")
            self._note_changes(found.data.params)
            num_rows = int(found.data.tags.get(NUM_ROWS, 0))
        else:
            self._run_id, num_rows = self._create_run(run), 0
        uri = re.sub(r"//[^/@]*@", "//", mlflow.get_tracking_uri())  # without who logs in there
        return Begun({"run_id": self._run_id}, num_rows, f"run {self._run_id} in {uri}")

    def send(self, rows: Sequence[Row]) -> None:
        """Log the rows, and how many there are now."""
        from mlflow.entities import Metric, RunTag

        metrics = []
        for row in rows:
            time_ms = self._later_ms(row)
            metrics += [
                Metric(as_name(k), float(x), time_ms, row.step) for k, x in row.numbers.items()
            ]
        while len(metrics) > _MOST_METRICS:
            self._client.log_batch(self._run_id, metrics=metrics[:_MOST_METRICS])
            metrics = metrics[_MOST_METRICS:]
        num_rows = RunTag(NUM_ROWS, str(rows[-1].number + 1))
        self._client.log_batch(self._run_id, metrics=metrics, tags=[num_rows])

    def end(self, status: Status, result: Mapping[str, Any]) -> None:
        """Log the result, its numbers as metrics, and what the run made as artifacts; then end."""
        try:
            step = int(result.get("global_step", 0))
            for name, value in result.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    self._client.log_metric(self._run_id, f"result/{name}", value, step=step)
                elif not isinstance(value, Mapping):  # the last fit is among the rows
                    self._client.set_tag(self._run_id, f"result.{name}", str(value))
            for path, name in self._tracked.products() if status == "finished" else ():
                self._client.log_artifact(self._run_id, str(path), posixpath.dirname(name) or None)
        finally:
            self._client.set_terminated(self._run_id, _STATUS[status])

    def _later_ms(self, row: Row) -> int:
        """Return when a row was logged, later than any before: MLflow keeps equal numbers once."""
        self._last_ms = max(int(row.time_s * 1000), self._last_ms + 1)
        return self._last_ms

    def _create_run(self, run: TrackedRun) -> str:
        from mlflow.entities import Param

        tags = {
            "group": run.group,
            "mlflow.source.name": run.script or "gym_rated",
            "mlflow.source.type": "LOCAL",
        }
        if run.made_on.get("commit"):
            tags["mlflow.source.git.commit"] = run.made_on["commit"]
        versions = run.made_on.get("versions", {})
        tags |= {f"version.{package}": version for package, version in versions.items()}
        name = os.environ.get("MLFLOW_RUN_NAME") or run.name
        experiment = _find_experiment(self._client, run.project)
        run_id: str = self._client.create_run(experiment, run_name=name, tags=tags).info.run_id
        params = [Param(as_name(flag), _as_text(value)) for flag, value in run.flags.items()]
        for k in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(run_id, params=params[k : k + _MOST_PARAMS])
        return run_id

    def _note_changes(self, params: Mapping[str, str]) -> None:
        """Note flags that a resumed run has others of in tags, as parameters cannot change."""
        for flag, value in self._tracked.flags.items():
            if params.get(as_name(flag), _as_text(value)) != _as_text(value):
                self._client.set_tag(self._run_id, f"resumed.{as_name(flag)}", _as_text(value))


def as_name(tag: str) -> str:
    """Return a tag as MLflow takes names: what it does not take, as in names of raters, becomes _.

    Example:
        >>> as_name("rated/agreeing/share/Ann & Bob")
        'rated/agreeing/share/Ann _ Bob'
        >>> as_name("rated/agreeing/share/../x")
        'rated/agreeing/share/_/x'
    """
    parts = re.sub(r"[^\w\-. :/]", "_", tag).split("/")
    return "/".join(part if part.strip(".") else "_" for part in parts)[:_LONGEST_NAME]


def _find_experiment(client: "MlflowClient", project: str | None) -> str:
    """Return the id of an experiment, which is made if missing."""
    from mlflow.exceptions import MlflowException

    if project is None and (known := os.environ.get("MLFLOW_EXPERIMENT_ID")):
        return known
    name = project or os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_PROJECT
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another run that began just now may have made it
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _as_text(value: Any) -> str:
    return str(value)[:_LONGEST_VALUE]
