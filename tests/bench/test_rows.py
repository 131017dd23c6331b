"""A row is what a finished run says, is written whole, and is believed only if it is whole."""

import json

import pytest
from grids import make_grid, unit_of

from gym_rated.bench.rows import Row, make_row, read_row, thin_curve, write_row
from gym_rated.runs import RunWriter

ROW = Row(1.5, 100, 40, 7.5, None, (None, *[0.5] * 24), "0.1.0", "abc", "a processor")


@pytest.fixture
def unit(tmp_path):
    return unit_of(make_grid(tmp_path / "grid"), "walk/ours/default/2")


def finished_run(folder, config, result, returns=((10, 3.0), (20, 4.0), (50, 9.0))):
    with RunWriter(folder, config, script="tiny", tensorboard=False) as run:
        for step, value in returns:
            run.log(step, {"charts/episodic_return": value, "charts/episodic_length": step / 10})
        run.log(100, {"charts/SPS": 1.0})
        run.write_result(result)


def test_a_row_is_what_a_finished_run_says(unit, tmp_path):
    finished_run(tmp_path / "run", {"seed": 2}, {"score": 8.25, "num_ratings": 40})
    row = make_row(unit, tmp_path / "run")
    assert (row.score, row.steps, row.num_ratings, row.problem) == (8.25, 100, 40, None)
    assert row.episode_length == pytest.approx((1 + 2 + 5) / 3)
    # stretches of 4 of 100 steps: 10 is in the third, 20 in the sixth, 50 in the thirteenth
    assert [(i, y) for i, y in enumerate(row.curve) if y is not None] == [(2, 3), (5, 4), (12, 9)]
    assert len(row.curve) == 25


def test_a_point_of_a_curve_is_the_mean_of_its_stretch():
    metrics = {"charts/episodic_return": ([1, 2, 100], [1.0, 2.0, 5.0])}
    curve = thin_curve(metrics, 100)
    assert (curve[0], curve[1], curve[24]) == (1.5, None, 5.0)
    assert thin_curve({}, 0) == ()


@pytest.mark.parametrize(
    ("config", "result", "said"),
    [
        ({"seed": 1}, {"score": 1.0}, "`seed` must be 2 in the run of walk/ours/default/2, got 1"),
        ({"env_id": "Acrobot-v1"}, {"score": 1.0}, "`env_id` must be CartPole-v1 .* got Acrobot"),
        ({}, {"score": None}, "`score` must be a number, got None .* train for longer"),
        ({}, {"score": "nan"}, "`score` must be a number, got nan"),
    ],
)
def test_the_run_of_something_else_and_one_without_a_score_make_no_row(
    unit, tmp_path, config, result, said
):
    finished_run(tmp_path / "run", config, result)
    with pytest.raises(ValueError, match=said):
        make_row(unit, tmp_path / "run")


def test_a_row_is_read_as_it_was_written(unit, tmp_path):
    path = tmp_path / "row.json"
    write_row(path, unit, ROW)
    assert read_row(path, unit.config) == (dict(unit.config), ROW)


def damaged(content):
    content["row"]["score"] = 99.0
    return content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "", "is damaged"),
        (lambda text: "[]", r"is damaged \(it has no checksum\)"),
        (lambda text: text.replace("1.5", "2.5"), r"is damaged \(its checksum is another\)"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "is damaged"),
    ],
)
def test_a_row_that_was_changed_is_not_believed(unit, tmp_path, change, said):
    path = tmp_path / "row.json"
    write_row(path, unit, ROW)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=said):
        read_row(path, unit.config)


def test_a_row_of_another_configuration_is_not_believed(unit, tmp_path):
    path = tmp_path / "row.json"
    write_row(path, unit, ROW)
    with pytest.raises(ValueError, match="is of another configuration"):
        read_row(path, dict(unit.config) | {"seed": 3})
    assert json.loads(path.read_text())["config"]["seed"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": float("nan")}, "`score` must be finite"),
        ({"steps": -1}, "`steps` must be at least 0"),
        ({"num_ratings": 1.5}, "`num_ratings` must be an int"),
        ({"curve": (1.0,)}, "`curve` must have 25 points or none, got 1"),
    ],
)
def test_what_is_no_row_cannot_be_made(change, said):
    with pytest.raises((ValueError, TypeError), match=said):
        Row(**{"score": 1.0, "steps": 1} | change)
