"""What a run's folder says is read strictly: no number that is none, nothing outside the folder."""

import json

import numpy as np
import pytest

from gym_rated.runs import read_metrics, read_result
from gym_rated.runs.folder import read_run
from gym_rated.runs.reading import read_config


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", "null", '"text"', '{"args": []}', '{"args": {"env_id": 3}}'),
        *('{"args": {"env_id": ""}}', '{"args": {"env_id": "a\\u0000b"}}', '{"script": [1]}'),
        *('{"args": {}, "args": {}}', '{"a": NaN}', '{"resumed": 3}', "[" * 9_000),
        '{"args": {"env_id": "' + "x" * 300 + '"}}',
    ],
)
def test_a_config_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"`folder` must hold an undamaged config\.json"):
        read_config(tmp_path)
    with pytest.raises(ValueError, match=r"`folder` must hold an undamaged config\.json"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        *('{"step": -1, "time_s": 0}', '{"step": 1.5, "time_s": 0}', '{"step": true, "time_s": 0}'),
        *('{"step": 1, "time_s": 0, "a": "2"}', '{"step": 1, "time_s": 0, "a": true}'),
        *('{"step": 1, "time_s": 0, "a": NaN}', '{"step": 1, "time_s": 0, "a": 1e999}'),
        *('{"step": 1, "time_s": 0, "a": 1, "a": 2}', '{"step": 1, "time_s": null}', '{"step": 1}'),
        '{"step": 1, "time_s": 0, "a": ' + "9" * 30 + "}",
        '{"step": ' + "9" * 30 + ', "time_s": 0}',
    ],
)
def test_a_row_that_is_none_is_named(tmp_path, line):
    good = '{"step": 3, "time_s": 1.5, "a": 2.5}\n'
    (tmp_path / "metrics.jsonl").write_text(good + line + "\n" + good)
    with pytest.raises(ValueError, match=r"must hold undamaged metrics, got line 2"):
        read_metrics(tmp_path)
    (tmp_path / "metrics.jsonl").write_text(good)
    assert read_metrics(tmp_path)["a"][1] == np.array([2.5])


@pytest.mark.parametrize(
    "content",
    [
        *({}, [], {"sha256": {}, "score": "high"}, {"sha256": [], "score": 1}),
        *({"sha256": {}, "score": True}, {"sha256": {"../other": "0"}, "score": 1}),
        {"sha256": {"/etc/hostname": "0"}, "score": 1},
    ],
)
def test_a_result_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"`folder` must hold an undamaged result\.json"):
        read_result(tmp_path)
