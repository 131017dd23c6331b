"""The command line: its commands, its help, and what it says of wrong input."""

import json

import gymnasium as gym
import numpy as np
import pytest
from recordings import record

from gym_rated import (
    LearnedRewardWrapper,
    RatingFeedbackWrapper,
    RewardEnsemble,
    SyntheticRater,
)
from gym_rated.cli import COMMANDS, main, usage
from gym_rated.imports import load_attribute
from gym_rated.ratings import Rating, RatingDataset
from gym_rated.recorded import load_recorded
from gym_rated.recorded.ratings import read_minari_ratings
from gym_rated.runs import RunWriter
from gym_rated.segments import Origin, Segment


@pytest.fixture(scope="module")
def ratings_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("ratings") / "ratings.npz"
    env = RatingFeedbackWrapper(gym.make("Pendulum-v1"), SyntheticRater(3), segment_length=10)
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(600):
        if any(env.step(env.action_space.sample())[2:4]):
            env.reset()
    env.query(40)
    env.ratings.save(path)
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert callable(load_attribute(COMMANDS[name].function))
    assert f"  {name} " in usage()
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    help_text = capsys.readouterr().out
    assert f"gym-rated {name}" in help_text
    assert "{fixed}" not in help_text


def test_without_a_command_the_commands_are_listed(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == usage() + "\n"
    assert main(["nonsense"]) == 2
    assert "there is no command `nonsense`" in capsys.readouterr().err


def test_flags_that_do_not_apply_are_unknown(ratings_file, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["fit", "--ratings", str(ratings_file), "--num-ratings", "7"])
    assert ended.value.code == 2
    assert "--num-ratings" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch):
    def broken(argv):
        raise ValueError("too many values to unpack")

    monkeypatch.setattr("gym_rated.cli.cli.load_attribute", lambda name: broken)
    with pytest.raises(ValueError, match="too many values"):
        main(["fit"])


def test_a_ratings_file_becomes_a_reward_model_with_a_report(ratings_file, tmp_path, capsys):
    out = tmp_path / "model"
    words = ["fit", "--ratings", str(ratings_file), "--out", str(out), "--steps", "20"]
    assert main([*words, "--preset", "pairs", "--num-members", "2", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert "preset pairs: " in printed
    assert "40 ratings" in printed
    model = RewardEnsemble.load(out)
    assert (model.num_members, model.seed, model.ready) == (2, 3, True)
    assert model.options["tasks"] == ["pairwise"]
    numbers = json.loads((out / "report.json").read_text())
    assert (numbers["num_ratings"], numbers["steps"]) == (40, 20)
    assert {path.name for path in out.iterdir()} >= {"report.md", "report.html", "report.png"}
    env = LearnedRewardWrapper(gym.make("Pendulum-v1"), str(out))
    env.reset(seed=0)
    assert env.step(np.zeros(1, np.float32))[1] != 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ratings", "nothing.npz"], "`ratings` must be a ratings file, got nothing.npz"),
        (["--env-id", "CartPole-v1"], "got CartPole-v1 with 4 and 2"),
        (["--env-id", "Nothing-v0"], "Nothing"),
        (["--out", "."], "`out` must be a new or empty folder, got ."),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_line(ratings_file, words, message, capsys):
    assert main(["fit", "--ratings", str(ratings_file), "--out", "new", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gym-rated fit: ")
    assert message in error


def test_ratings_of_images_that_the_environment_does_not_show_are_refused(tmp_path, capsys):
    ratings = RatingDataset(4, 1, 2, env_id="Pendulum-v1")
    origin = Origin(0, 0, 0, 0)
    pixels, actions = np.zeros((3, 4), np.uint8), np.zeros((3, 1), np.float32)
    ratings.add([Segment("a", pixels, actions, np.zeros(3), 0, origin)])
    ratings.update([Rating("a", 1, "anna")])
    ratings.save(tmp_path / "ratings.npz")
    words = ["fit", "--ratings", str(tmp_path / "ratings.npz"), "--out", str(tmp_path / "new")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("gym-rated fit: `image_shape` must be height, width and channels of")
    assert "pass --image-shape, 48 48 3 for a run with --image-size 48 --gray" in error
    assert not (tmp_path / "new").exists()


@pytest.mark.filterwarnings("ignore:the reward model was not fitted")
def test_ratings_that_say_nothing_are_refused(ratings_file, tmp_path, capsys):
    empty, same = tmp_path / "empty.npz", tmp_path / "same.npz"
    RatingDataset(3, 1, 5, env_id="Pendulum-v1").save(empty)
    assert main(["fit", "--ratings", str(empty), "--out", str(tmp_path / "a")]) == 2
    assert "must hold at least one rated segment" in capsys.readouterr().err
    alike = RatingDataset.load(ratings_file)
    alike.update([type(r)(r.segment_id, 1, r.rater, r.revision + 1) for r in alike.ratings])
    alike.save(same)
    assert main(["fit", "--ratings", str(same), "--out", str(tmp_path / "b")]) == 2
    assert "`ratings` must tell segments apart" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_runs_become_a_report(ratings_file, tmp_path, capsys):
    for name, args, finish in (
        ("one", {"reward": "rated", "seed": 1}, True),
        ("two", {"reward": "rated", "seed": 2}, False),
        ("three", {"reward": "true", "seed": 1}, True),
    ):
        with RunWriter(tmp_path / name, {"env_id": "Pendulum-v1"} | args, tensorboard=False) as run:
            for step in range(1, 5):
                run.log(100 * step, {"charts/episodic_return": step})
            if args["reward"] == "rated":
                row = {"num_ratings": 40, "held_out/spearman": 0.5, "weight/pairwise": 1.0}
                run.log(300, {"rated/num_ratings": 30, "rated/contradicting/ann": 0.5})
                row |= {"contradicting/<b>ann|": 0.21, "contradicting/bob": 0.01}
                run.log(400, {f"rated/{tag}": value for tag, value in row.items()})
            if name == "one":
                model = RewardEnsemble(3, 1)
                model.save(tmp_path / name / "reward_model")
                (tmp_path / name / "ratings").mkdir()
                target = tmp_path / name / "ratings" / "ratings.npz"
                target.write_bytes(ratings_file.read_bytes())
            if finish:
                run.write_result({"score": 2.5})
    out = tmp_path / "report"
    assert (
        main(["report", *(str(tmp_path / n) for n in ("one", "two", "three")), "--out", str(out)])
        == 0
    )
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    page = (out / "report.md").read_text()
    assert "| rated | 2 | 2.50 ± 0.00 |" in page
    assert "| two | Pendulum-v1 | rated | 2 | 400 | 2.50 | 40 | 0.50 | no |" in page
    assert r"| one | \<b>ann\| | about 1 in 5 ratings contradict the rest |" in page
    assert "| one | bob | fewer than 1 in 20 ratings contradict the rest |" in page
    assert "| one | ann |" not in page  # at the last fit, nobody could tell any more
    assert "&lt;b&gt;ann|" in (out / "report.html").read_text()
    assert "two has no result.json, so it has not finished; no reward model; no ratings." in page
    pictures = {path.name for path in out.glob("*.png")}
    assert pictures == {
        f"Pendulum-v1-{part}.png" for part in ("curves", "training", "fits", "reward-rated")
    }
    assert main(["report", str(tmp_path / "three")]) == 0
    assert (tmp_path / "three" / "report" / "report.html").is_file()
    assert "Raters" not in (tmp_path / "three" / "report" / "report.md").read_text()


def test_a_report_says_how_the_reward_agrees_with_the_true_one_where_a_run_knows_it(tmp_path):
    row = {"rated/num_ratings": 40, "rated/held_out/spearman": 0.5}
    truths = {"knows": {"advantage": 0.25, "step": 0.125}, "wide": {"step": 0.75}, "blind": {}}
    for name, truth in truths.items():
        args = {"env_id": "Pendulum-v1", "reward": "rated"}
        with RunWriter(tmp_path / name, args, tensorboard=False) as run:
            run.log(100, row | {f"rated/truth/{tag}": value for tag, value in truth.items()})
    folders = [str(tmp_path / name) for name in truths]
    assert main(["report", *folders, "--out", str(tmp_path / "all")]) == 0
    lines = (tmp_path / "all" / "report.md").read_text().splitlines()
    cells = {line.split(" | ")[0]: line.split(" | ")[-2:] for line in lines if " | " in line}
    assert cells["| run"] == ["true reward, now: advantages / steps", "finished |"]
    assert cells["| knows"] == ["0.25 / 0.12", "no |"]
    assert cells["| wide"] == ["- / 0.75", "no |"]
    assert cells["| blind"] == ["- / -", "no |"]
    assert main(["report", folders[2], "--out", str(tmp_path / "one")]) == 0
    assert "true reward, now" not in (tmp_path / "one" / "report.md").read_text()


def test_a_report_of_no_run_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "must hold a run" in capsys.readouterr().err


def test_recorded_episodes_are_rated_fitted_and_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    record("Pendulum-v1", num_episodes=1)
    file, model = str(tmp_path / "new" / "ratings.npz"), str(tmp_path / "model")
    words = ["rate-minari", "--dataset", "test/recorded-v0", "--out", file, "--num-ratings", "15"]
    assert main([*words, "--num-classes", "3", "--segment-length", "10"]) == 0
    assert "15 ratings (5/5/5 by class, worst first)" in capsys.readouterr().out
    assert main(["fit", "--ratings", file, "--out", model, "--steps", "5"]) == 0
    words = ["export-minari", "--ratings", file, "--dataset", "test/rated-v0"]
    assert main([*words, "--reward-model", model]) == 0
    assert "15 segments of 150 steps: test/rated-v0" in capsys.readouterr().out
    written = load_recorded("test/rated-v0")
    assert len(read_minari_ratings(written)) == 15
    assert np.isfinite(written[0].rewards).all()
    assert main(words) == 2
    assert "`dataset_id` must be a new name" in capsys.readouterr().err
    assert main(["rate-minari", "--dataset", "test/none-v0", "--out", str(tmp_path / "x")]) == 2
    assert "got 'test/none-v0'" in capsys.readouterr().err
