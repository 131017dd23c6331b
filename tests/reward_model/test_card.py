"""The card beside a saved reward model: what it was learned from, how to load it, its limits."""

import numpy as np
import pytest
import yaml
from rated_segments import dataset, make_segments, rate

from gym_rated import RewardEnsemble, fit, load_reward_model
from gym_rated.fitting import make_learner


def fitted(num=40, env_id="Pendulum-v1"):
    segments = make_segments(num)
    ratings = dataset(segments, rate(segments))
    ratings.env_id = env_id
    return fit(ratings, steps=3, progress_bar=False)


def front_of(card):
    _, front, _ = card.split("---\n", 2)
    return yaml.safe_load(front)


def test_a_card_says_what_the_model_was_learned_from(tmp_path):
    model, report = fitted()
    model.save(tmp_path)
    card = (tmp_path / "README.md").read_text()
    front = front_of(card)
    assert front["library_name"] == "gym_rated"
    assert {"reinforcement-learning", "Pendulum-v1"} < set(front["tags"])
    assert "# Reward model of Pendulum-v1\n" in card
    assert "| ratings and scores | 40 |" in card
    assert "| raters | 1 |" in card
    assert f"| held out of learning | {report.held_out.num} |" in card
    assert "judge" not in card  # who rated is a count
    assert "(N, 3), (N, 2) -> (N,)" in card


def test_the_three_lines_of_a_card_load_the_model(tmp_path, monkeypatch):
    model, _ = fitted()
    model.save(tmp_path / "this-folder")
    card = (tmp_path / "this-folder" / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    obs, actions = np.ones((2, 3), np.float32), np.ones((2, 2), np.float32)
    names = {"obs": obs, "actions": actions}
    exec(code, names)
    assert (names["rewards"] == model.predict(obs, actions)).all()


def test_loading_ignores_the_card_and_saving_again_renews_it(tmp_path):
    model, _ = fitted()
    model.save(tmp_path / "a")
    (tmp_path / "a" / "README.md").write_text("![](https://elsewhere) \0")
    again = load_reward_model(tmp_path / "a")
    assert again.learned_from == model.learned_from
    again.save(tmp_path / "a")
    model.save(tmp_path / "b")
    cards = [(tmp_path / name / "README.md").read_text() for name in ("a", "b")]
    assert cards[0] == cards[1]
    other, _ = fitted(num=60)
    other.save(tmp_path / "a")
    assert "| ratings and scores | 60 |" in (tmp_path / "a" / "README.md").read_text()


def test_a_learner_that_resumes_keeps_the_facts():
    segments = make_segments(40)
    learner = make_learner(3, 2, 4, segment_length=10)
    learner.progress_bar = False
    learner.fit(dataset(segments, rate(segments)))
    resumed = make_learner(3, 2, 4, segment_length=10)
    resumed.load_state_dict(learner.state_dict())
    assert resumed.model.learned_from == learner.model.learned_from
    assert resumed.model.learned_from["num_ratings"] == 40
    old = {name: value for name, value in learner.state_dict().items() if name != "learned_from"}
    resumed.load_state_dict(old)  # of an earlier version
    assert resumed.model.learned_from == {}


def test_texts_out_of_data_stay_text(tmp_path):
    name = 'x"]\n---\n# <script>|`a` [b](c)\u2028![d](e): "'
    model, _ = fitted(env_id=name)
    model.save(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert name in front_of(card)["tags"]
    body = card.split("---\n", 2)[2]
    heading = next(line for line in body.split("\n") if line.startswith("# "))
    assert r"# \<script>" in heading  # on the line of the heading itself
    assert "[b](c)" not in body
    assert body.count("\n# ") == 1


def test_a_model_that_was_never_fitted_has_a_card_too(tmp_path):
    RewardEnsemble(3, 2).save(tmp_path)
    assert "# Reward model\n" in (tmp_path / "README.md").read_text()


def test_facts_of_other_kinds_are_refused(tmp_path):
    model = RewardEnsemble(3, 2)
    model.learned_from = {"num_ratings": [1]}
    with pytest.raises(TypeError, match="`learned_from` must be names with numbers and texts"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
