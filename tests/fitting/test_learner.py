import copy
import itertools
import math
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from rated_segments import (
    NUM_CLASSES,
    dataset,
    make_segments,
    predicted_returns,
    rate,
    true_returns,
)

import gym_rated
from gym_rated.agreeing import Agreeing
from gym_rated.checkpoint import load_state, save_state
from gym_rated.fitting import FitReport, HeldOut, RewardLearner, Truth, fit
from gym_rated.fitting.alarm import Fresh
from gym_rated.losses import MultitaskLoss
from gym_rated.metrics import spearman
from gym_rated.raters import Comparison, Rating, Score
from gym_rated.ratings import RatingDataset
from gym_rated.reward_model import RewardEnsemble
from gym_rated.segments import Origin, Segment


def is_held_out(segment_id):
    return zlib.crc32(segment_id.encode()) % 10 == 0


def learner(tasks=("classification", "regression"), **kwargs):
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16))
    loss = MultitaskLoss(tasks, num_classes=NUM_CLASSES, segment_length=10)
    return RewardLearner(model, loss, **{"first_steps": 60, "later_steps": 20, **kwargs})


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def unchanged(model, before):
    return all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "tasks",
    [
        ("classification",),
        ("regression",),
        ("pairwise",),
        ("classification", "regression"),
        ("classification", "regression", "pairwise"),
    ],
)
@pytest.mark.parametrize("weights", ["uncertainty", "fixed", "scheduled"])
def test_a_fit_orders_segments_it_has_never_seen(tasks, weights):
    segments, unseen = make_segments(120), make_segments(100, round=1, seed=1)
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16))
    loss = MultitaskLoss(tasks, num_classes=NUM_CLASSES, weights=weights)
    report = RewardLearner(model, loss, first_steps=100).fit(dataset(segments), progress=0.5)
    assert report.ready
    assert model.ready
    assert spearman(predicted_returns(model, unseen), true_returns(unseen)) > 0.85
    for start, end in report.losses.values():
        assert end < start


def test_scheduled_weights_are_not_left_at_the_start_without_a_word():
    model = RewardEnsemble(3, 2, hidden_sizes=(4,))
    scheduled = RewardLearner(model, MultitaskLoss(num_classes=NUM_CLASSES, weights="scheduled"))
    with pytest.raises(ValueError, match=r"`progress` must be given .* got None.*on_ratings"):
        scheduled.fit(dataset(make_segments(30)))
    assert not model.ready
    method = replace(gym_rated.fitting.OURS, weights="scheduled")
    assert fit(dataset(make_segments(30)), method=method, steps=3, progress_bar=False)[1].ready


@pytest.mark.parametrize(
    "options",
    [{"limits": "fit", "scale": "shared"}, {"limits": "batch"}, {"segment_value": "mean"}],
)
def test_a_fit_learns_with_every_option(options):
    segments = make_segments(120)
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16))
    loss = MultitaskLoss(num_classes=NUM_CLASSES, segment_length=10, **options)
    RewardLearner(model, loss).fit(dataset(segments))
    assert spearman(predicted_returns(model, segments), true_returns(segments)) > 0.85
    assert model.options == loss.options()


def scores_of(segments, rater="judge"):
    returns = true_returns(segments)
    unit = (returns - returns.min()) / np.ptp(returns)
    return [Score(s.id, x, rater) for s, x in zip(segments, unit, strict=True)]


def comparisons_of(segments, num=150):
    returns = dict(zip((s.id for s in segments), true_returns(segments), strict=True))
    pairs = list(itertools.combinations(returns, 2))
    chosen = np.random.default_rng(0).choice(len(pairs), num, replace=False)
    ordered = [sorted(pairs[i], key=returns.__getitem__) for i in chosen]
    return [Comparison(better, worse, "judge") for worse, better in ordered]


@pytest.mark.parametrize("scale", ["group", "shared"])
@pytest.mark.parametrize(
    ("tasks", "answer"),
    [
        (("score",), scores_of),
        (("pairwise",), comparisons_of),
        (("ranking",), rate),
        (("ordinal",), rate),
        (("score", "pairwise", "regression"), comparisons_of),
    ],
)
def test_every_kind_of_answer_orders_segments_never_seen(tasks, answer, scale):
    segments, unseen = make_segments(120), make_segments(100, round=1, seed=1)
    loss = MultitaskLoss(tasks, num_classes=NUM_CLASSES, segment_length=10, scale=scale)
    model = RewardEnsemble(3, 2, hidden_sizes=(16, 16))
    report = RewardLearner(model, loss).fit(dataset(segments, answer(segments)))
    assert report.ready
    assert set(report.losses) == ({"pairwise"} if answer is comparisons_of else set(tasks))
    assert spearman(predicted_returns(model, unseen), true_returns(unseen)) > 0.85


def test_products_of_bfloat16_teach_the_same_order() -> None:
    segments = make_segments(120, seed=3)
    order = {}
    for precision in ("float32", "bfloat16"):
        fitted = learner(precision=precision)
        fitted.fit(dataset(segments))
        assert {p.dtype for p in fitted.model.parameters()} == {torch.float32}
        order[precision] = predicted_returns(fitted.model, segments)
    assert order["float32"] != order["bfloat16"]
    assert spearman(np.array(order["float32"]), np.array(order["bfloat16"])) > 0.99


def test_answers_of_all_kinds_are_learned_together():
    segments = make_segments(150)
    answers = [*rate(segments[:50]), *scores_of(segments[50:100], "other")]
    answers += comparisons_of(segments[100:], 80)
    tasks = ("classification", "regression", "score", "pairwise", "ordinal", "ranking")
    report = learner(tasks).fit(dataset(segments, answers))
    assert (report.num_ratings, report.num_comparisons) == (100, len(answers) - 100)
    assert set(report.losses) == set(report.weights) == set(tasks)
    assert report.held_out.num_comparisons > 5
    assert report.held_out.comparisons_in_order > 0.6
    assert "comparisons 0." in str(report) or "comparisons 1." in str(report)


def test_by_group_a_model_learns_the_same_whatever_the_level_of_each_group():
    rounds = [make_segments(60, round=k, seed=k) for k in range(2)]
    low = [r for segments in rounds for r in scores_of(segments)]
    low = [replace(r, score=r.score / 2) for r in low]
    high = [replace(r, score=r.score + 0.4 * r.segment_id.startswith("1")) for r in low]
    segments = [*rounds[0], *rounds[1]]
    first, second = learner(("score",)), learner(("score",))
    first.fit(dataset(segments, low))
    second.fit(dataset(segments, high))
    for ours, theirs in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3)


def test_comparisons_alone_need_no_ratings_and_ratings_alone_no_comparisons():
    segments = make_segments(40)
    data = dataset(segments, comparisons_of(segments))
    assert learner(("pairwise",)).fit(data).ready
    with pytest.warns(UserWarning, match=r"0 ratings, by class \(0, 0, 0, 0\), \d+ comparisons"):
        assert not learner(("score", "classification")).fit(data).ready
    with pytest.warns(UserWarning, match="40 scores"):
        assert not learner(("pairwise",)).fit(dataset(segments, scores_of(segments))).ready


def test_a_held_out_segment_teaches_nothing_by_being_compared():
    segments = make_segments(60)
    held = [s.id for s in segments if is_held_out(s.id)]
    first, second = learner(("pairwise",)), learner(("pairwise",))
    answers = comparisons_of(segments)
    about_held = [c for c in answers if {c.better_id, c.worse_id} & set(held)]
    turned = [
        Comparison(c.worse_id, c.better_id, c.rater) if c in about_held else c for c in answers
    ]
    report = first.fit(dataset(segments, answers))
    second.fit(dataset(segments, turned))
    assert len(about_held) > 5
    assert unchanged(second.model, snapshot(first.model))
    assert report.held_out.num_comparisons == len(about_held)


def test_a_fit_may_stop_once_the_ratings_are_predicted():
    data = dataset(make_segments(100))
    num_train = sum(not is_held_out(s.id) for s in make_segments(100))
    per_pass = -(-num_train // 32)
    whole = learner(max_passes=7, batch_size=32).fit(data)
    assert whole.steps == 7 * per_pass
    early = learner(max_passes=100, stop_at_accuracy=0.5, batch_size=32).fit(data)
    assert 0 < early.steps < 100 * per_pass
    assert early.steps % per_pass == 0
    assert learner(max_passes=2, stop_at_accuracy=1.0).fit(data).steps == 2 * -(-num_train // 64)
    with pytest.raises(ValueError, match=r"`stop_at_accuracy` must lie in \[0, 1\], got 97"):
        learner(stop_at_accuracy=97)


class PixelModel(torch.nn.Module):
    """One convolution over frames of 4 x 4 bytes; has only what a learner asks for."""

    def __init__(self):
        super().__init__()
        self.num_members, self.obs_dim, self.action_dim, self.options = 1, 16, 2, {}
        self.convolution = torch.nn.Conv2d(1, 4, 3)
        self.last = torch.nn.Linear(4, 1)
        self.ready, self.scale, self.normaliser = False, 1.0, None

    def forward(self, obs, actions):
        assert obs.dtype == torch.uint8
        frames = obs.reshape(-1, 1, 4, 4) / 255
        features = self.convolution(frames).amax((-1, -2))
        return self.last(features).tanh().reshape(1, *obs.shape[:-1])

    def predict(self, obs, actions):
        with torch.no_grad():
            return self(torch.from_numpy(obs), torch.from_numpy(actions))[0].numpy() / self.scale

    def set_normaliser(self, mean, std):
        self.normaliser = mean, std

    def set_scale(self, scale, offset=0.0):
        self.scale, self.ready = scale, True


def test_a_model_of_pixels_is_fitted_to_bytes():
    rng = np.random.default_rng(0)
    segments = []
    for i in range(80):
        pixels = rng.integers(0, 30 + 2 * i, (10, 16)).astype(np.uint8)
        rewards = pixels.mean(1).astype(np.float64)
        segments.append(
            Segment(str(i), pixels, np.zeros((10, 2), np.float32), rewards, 0, Origin(0, i, 0, 0))
        )
    data = RatingDataset(16, 2, NUM_CLASSES)
    data.add(segments)
    data.update(rate(segments))
    torch.manual_seed(0)
    model = PixelModel()
    loss = MultitaskLoss(num_classes=NUM_CLASSES, num_members=1, segment_length=10)
    report = RewardLearner(model, loss, learning_rate=1e-2, first_steps=100).fit(data)
    assert report.ready
    assert model.ready
    steps = np.concatenate([s.obs for s in segments]).astype(np.float64)
    assert np.allclose(model.normaliser, [steps.mean(0), steps.std(0)])
    assert spearman(predicted_returns(model, segments), true_returns(segments)) > 0.8


def test_the_one_call_makes_and_fits_a_model():
    model, report = fit(dataset(make_segments(60)), steps=20, progress_bar=False)
    assert model.ready
    assert (model.obs_dim, model.action_dim) == (3, 2)
    assert report.steps == 20


def test_the_one_call_shows_a_progress_bar(capsys):
    fit(dataset(make_segments(30)), steps=3, progress_bar=True)
    assert "fit" in capsys.readouterr().err


@pytest.mark.parametrize("tasks", [("classification",), ("regression",), ("pairwise",)])
def test_ratings_of_one_class_leave_the_model_not_ready(tasks):
    # D9: the authors' accuracy is then 1.0 at once, and a random network becomes the reward.
    segments = make_segments(30)
    data = dataset(segments, [Rating(s.id, 2, "judge") for s in segments])
    fitter = learner(tasks)
    before = snapshot(fitter.model)
    with pytest.warns(UserWarning, match=r"not fitted: 30 ratings, by class \(0, 0, 30, 0\)"):
        report = fitter.fit(data)
    assert not report.ready
    assert report.class_counts == (0, 0, 30, 0)
    assert report.steps == 0
    assert unchanged(fitter.model, before)
    assert fitter.model.predict(segments[0].obs, segments[0].actions).tolist() == [0] * 10
    assert fitter.fit(dataset(segments)).steps == 60  # this, then, is the first fit


def test_no_ratings_at_all_leave_the_model_not_ready():
    with pytest.warns(UserWarning, match="0 ratings"):
        assert not learner().fit(RatingDataset(3, 2, NUM_CLASSES)).ready


def test_pairs_need_two_classes_within_one_round():
    easy, hard = make_segments(20, round=0), make_segments(20, round=1)
    ratings = [Rating(s.id, 1, "judge") for s in easy] + [Rating(s.id, 2, "judge") for s in hard]
    data = dataset([*easy, *hard], ratings)
    with pytest.warns(UserWarning, match="leave nothing to compare"):
        assert not learner(("pairwise",)).fit(data).ready
    loss = MultitaskLoss(("classification", "pairwise"), num_classes=NUM_CLASSES, scale="shared")
    assert RewardLearner(RewardEnsemble(3, 2), loss, first_steps=2).fit(data).ready


def test_pairs_that_weigh_nothing_are_none():
    segments = make_segments(20)
    data = dataset(segments, [Rating(s.id, i % 2, "judge") for i, s in enumerate(segments)])
    loss = MultitaskLoss(("pairwise",), num_classes=NUM_CLASSES, adjacent_weight=0.0)
    with pytest.warns(UserWarning, match="leave nothing to compare"):
        assert not RewardLearner(RewardEnsemble(3, 2), loss).fit(data).ready


def test_a_model_that_was_ready_stays_so_when_ratings_are_withdrawn():
    segments = make_segments(40)
    data, fitter = dataset(segments), learner()
    fitter.fit(data)
    before = snapshot(fitter.model)
    data.update([Rating(s.id, 0, "judge", revision=1) for s in segments])
    with pytest.warns(UserWarning, match="not fitted"):
        fitter.fit(data)
    assert unchanged(fitter.model, before)


def test_a_rating_that_was_skipped_is_not_used():
    # D4: a skip crashed the authors' teacher.
    segments = make_segments(30)
    data = dataset(segments)
    data.update([Rating(s.id, gym_rated.SKIPPED, "judge", revision=1) for s in segments[:10]])
    assert learner().fit(data).num_ratings == 20


def test_the_normaliser_is_that_of_the_rated_steps_and_stays_until_the_next_fit():
    long, short = make_segments(40, length=10), make_segments(40, length=4, round=1, seed=1)
    data, fitter = dataset(long), learner()
    data.add(short)
    fitter.fit(data)  # the short ones are not rated yet
    first = np.concatenate([s.obs for s in long])
    assert np.allclose(fitter.model.obs_mean, first.mean(0), atol=1e-6)
    assert np.allclose(fitter.model.obs_std, first.std(0), atol=1e-6)
    data.update(rate(short))
    assert np.allclose(fitter.model.obs_mean, first.mean(0), atol=1e-6)
    fitter.fit(data)
    both = np.concatenate([s.obs for s in [*long, *short]])  # no padding among them
    assert np.allclose(fitter.model.obs_mean, both.mean(0), atol=1e-6)
    assert np.allclose(fitter.model.obs_std, both.std(0), atol=1e-6)


def test_steps_that_nobody_rated_may_be_paid_less_than_rated_ones():
    segments = make_segments(120)
    rng = np.random.default_rng(5)

    def gap(ood_coef):
        """By how much rated steps are paid more than others from the same ranges."""
        fitted = learner(("ranking",), ood_coef=ood_coef)
        fitted.fit(dataset(segments))
        low = np.min([s.obs.min(0) for s in segments], 0)
        high = np.max([s.obs.max(0) for s in segments], 0)
        obs = (low + rng.random((2_000, 3)) * (high - low)).astype(np.float32)
        actions = rng.uniform(-1, 1, (2_000, 2)).astype(np.float32)
        rated = [fitted.model.predict(s.obs, s.actions) for s in segments]
        ordered = spearman(predicted_returns(fitted.model, segments), true_returns(segments))
        return np.mean(rated) - fitted.model.predict(obs, actions).mean(), ordered

    (plain, _), (kept, ordered) = gap(0.0), gap(5.0)
    assert kept > plain + 0.5  # in standard deviations of the reward of a rated step
    assert ordered > 0.9


@pytest.mark.parametrize("ood_coef", [-0.1, math.inf, math.nan])
def test_a_wrong_weight_of_unrated_steps_is_refused(ood_coef):
    with pytest.raises(ValueError, match=f"`ood_coef` must be at least 0 and finite, .*{ood_coef}"):
        learner(ood_coef=ood_coef)


@pytest.mark.parametrize(("offset", "extreme"), [("best", "max"), ("worst", "min")])
def test_zero_lies_at_the_best_or_the_worst_rated_step(offset, extreme):
    segments = make_segments(60)
    judge = learner(offset=offset)
    judge.fit(dataset(segments))
    rewards = np.concatenate([judge.model.predict(s.obs, s.actions) for s in segments])
    assert getattr(rewards, extreme)() == pytest.approx(0, abs=1e-5)
    assert rewards.std() == pytest.approx(1, abs=0.01)


def test_an_unknown_offset_is_refused():
    with pytest.raises(ValueError, match=r"`offset` must be one of none, best, worst, got 'mean'"):
        learner(offset="mean")


def test_predicted_rewards_of_the_rated_steps_have_unit_deviation_and_keep_their_mean():
    segments = [*make_segments(30), *make_segments(30, length=4, round=1, seed=1)]
    fitter = learner()
    fitter.fit(dataset(segments))
    obs = np.concatenate([s.obs for s in segments])
    actions = np.concatenate([s.actions for s in segments])
    rewards = fitter.model.predict(obs, actions)
    assert rewards.std() == pytest.approx(1, abs=1e-4)
    unscaled = fitter.model(torch.from_numpy(obs), torch.from_numpy(actions)).mean()
    assert rewards.mean() * fitter.model.scale == pytest.approx(unscaled.item(), rel=1e-3)


class PaddedDataset(RatingDataset):
    """Pads every segment by 5 steps of rubbish that do not exist."""

    def batch(self, indices=None):
        batch = super().batch(indices)
        pad = ((0, 0), (0, 5), (0, 0))
        return replace(
            batch,
            obs=np.pad(batch.obs, pad, constant_values=9.0),
            actions=np.pad(batch.actions, pad, constant_values=9.0),
            mask=np.pad(batch.mask, pad[:2]),
        )


def test_steps_that_do_not_exist_teach_nothing():
    segments = [*make_segments(40), *make_segments(20, length=4, round=1)]
    plain, padded = dataset(segments), dataset(segments, data_class=PaddedDataset)
    first, second = learner(), learner()
    report, same = first.fit(plain), second.fit(padded)
    assert second.model.scale == pytest.approx(first.model.scale, rel=1e-3)
    assert same.losses["regression"] == pytest.approx(report.losses["regression"], rel=1e-3)
    for ours, theirs in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3)


def test_held_out_rows_are_fixed_by_their_segment_and_are_not_learned():
    segments = make_segments(100)
    held = [s for s in segments if is_held_out(s.id)]
    data, fitter = dataset(segments), learner()
    report = fitter.fit(data)
    assert report.held_out.num == len(held) >= 5
    again, other = dataset(segments), learner()
    again.update([Rating(s.id, 0, "judge", revision=1) for s in held])
    other.fit(again)
    assert torch.equal(other.model.weights[0], fitter.model.weights[0])


def test_held_out_numbers_tell_right_ratings_from_shuffled_ones():
    segments = make_segments(300)
    right = learner(first_steps=100).fit(dataset(segments)).held_out
    assert right.spearman > 0.8
    assert right.kappa > 0.7
    assert right.accuracy > 0.4
    assert right.pair_accuracy > 0.85
    ratings = rate(segments)
    order = np.random.default_rng(0).permutation(300)
    shuffled = [
        Rating(s.id, ratings[i].rating, "judge") for s, i in zip(segments, order, strict=True)
    ]
    assert learner(first_steps=100).fit(dataset(segments, shuffled)).held_out.spearman < 0.5


def test_accuracy_is_not_that_of_always_naming_the_worst_class():
    # D6: the authors' accuracy takes the argmax over a single column, always class 0.
    segments = make_segments(400)
    ratings = [r for r in rate(segments) if r.rating > 0 or not is_held_out(r.segment_id)]
    report = learner(first_steps=100).fit(dataset(segments, ratings))
    assert report.held_out.num > 20
    assert report.held_out.accuracy > 0.5


def test_too_few_held_out_rows_give_no_numbers():
    segments = make_segments(20)
    report = learner().fit(dataset(segments))
    assert report.held_out.num < 5
    assert math.isnan(report.held_out.spearman)
    assert math.isnan(report.held_out.kappa)


def test_the_first_fit_takes_more_steps_than_later_ones():
    data, fitter = dataset(make_segments(30)), learner()
    assert [fitter.fit(data).steps for _ in range(3)] == [60, 20, 20]


def test_a_fit_is_decided_by_its_seeds():
    data = dataset(make_segments(80))
    first, same, other = learner(), learner(), learner(seed=1)
    state = torch.get_rng_state()
    for fitter in (first, same, other):
        fitter.fit(data)
    assert torch.equal(torch.get_rng_state(), state)
    assert unchanged(same.model, snapshot(first.model))
    assert not unchanged(other.model, snapshot(first.model))


@pytest.mark.parametrize("tasks", [("classification", "regression"), ("ranking", "ordinal")])
def test_a_restored_learner_goes_on_exactly_as_it_would_have(tmp_path, tasks):
    data = dataset(make_segments(80))
    first = learner(tasks)
    first.fit(data)
    save_state(tmp_path, first.state_dict())
    second = learner(tasks, seed=7)
    second.load_state_dict(load_state(tmp_path))
    assert unchanged(second.model, snapshot(first.model))
    assert second.model.options == first.model.options
    report, expected = second.fit(data), first.fit(data)
    assert unchanged(second.model, snapshot(first.model))
    assert report.losses == expected.losses
    assert report.weights == expected.weights
    assert report.steps == 20


def test_the_state_of_another_loss_is_refused():
    with pytest.raises(ValueError, match=r"learner with the same loss, got .*'pairwise'"):
        learner().load_state_dict(learner(("pairwise",)).state_dict())


def test_updates_that_are_not_finite_are_refused_and_counted(monkeypatch):
    fitter, data = learner(), dataset(make_segments(30))
    combine, calls = fitter.loss.combine, []

    def sometimes_broken(losses, progress):
        total, parts = combine(losses, progress)
        calls.append(1)
        broken = total.requires_grad and len(calls) % 5 == 0
        return (total * float("nan") if broken else total), parts

    monkeypatch.setattr(fitter.loss, "combine", sometimes_broken)
    with pytest.warns(
        UserWarning, match="12 of 60 updates of the reward model were refused"
    ) as seen:
        report = fitter.fit(data)
    assert len(seen) == 1
    assert report.refused_updates == 12
    assert all(bool(p.isfinite().all()) for p in fitter.model.parameters())
    assert "12 refused" in str(report)


def test_refused_updates_leave_the_parameters_alone(monkeypatch):
    fitter = learner()
    combine = fitter.loss.combine
    monkeypatch.setattr(
        fitter.loss, "combine", lambda *args: (combine(*args)[0] * float("inf"), combine(*args)[1])
    )
    before = snapshot(fitter.model)
    with pytest.warns(UserWarning, match="60 of 60 updates"):
        report = fitter.fit(dataset(make_segments(30)))
    assert unchanged(fitter.model, before)
    assert not report.ready
    assert not fitter.model.ready
    assert str(report).endswith("left as it was, 60 of 60 updates refused")


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:.*refused")
def test_a_model_that_predicts_no_numbers_does_not_become_ready(is_first, monkeypatch):
    fitter, data = learner(), dataset(make_segments(30))
    if not is_first:
        fitter.fit(data)
    before = snapshot(fitter.model)
    # all weights are finite, and so is every loss that an update is taken from
    monkeypatch.setattr(
        type(fitter), "_rewards", lambda self, s: torch.full((3, int(s.lengths.sum())), math.nan)
    )
    with pytest.raises(FloatingPointError, match="predicts nan in this fit, and was restored"):
        fitter.fit(data)
    assert unchanged(fitter.model, before)
    assert fitter.model.ready == (not is_first)


def test_a_model_that_became_non_finite_is_restored_and_the_fit_raises():
    data, fitter = dataset(make_segments(30)), learner()
    fitter.fit(data)
    before = snapshot(fitter.model)
    fitter.gradient_steps.optimiser.param_groups[0]["lr"] = math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            FloatingPointError, match="became non-finite in this fit, and was restored"
        ):
            fitter.fit(data)
    assert unchanged(fitter.model, before)
    assert fitter.num_fits == 1


def test_the_weights_of_the_tasks_are_learned_and_reported():
    fitter = learner()
    report = fitter.fit(dataset(make_segments(60)))
    assert set(report.weights) == {"classification", "regression"}
    s = fitter.loss.log_variances.detach()
    assert report.weights["regression"] == pytest.approx((0.5 * (-s[1]).exp()).mean().item())
    assert report.weights["regression"] != 0.5


def test_a_report_is_flat_for_logs_and_readable_for_people():
    report = FitReport(
        ready=True,
        num_ratings=9,
        class_counts=(4, 5),
        steps=50,
        losses={"regression": (2.0, 0.5)},
        weights={"regression": 0.25},
        held_out=HeldOut(6, 0.9, 0.8, 0.7, 0.6, 2, 0.5),
        fresh=Fresh(31, 0.4, False),
        trust=0.75,
        duration_s=0.125,
        num_comparisons=3,
        contradicting={"ann": 0.19},
        agreeing={"ann": Agreeing(30, 60, 0.875)},
    )
    assert report.as_dict() == {
        "ready": 1.0,
        "num_ratings": 9,
        "num_comparisons": 3,
        "steps": 50,
        "refused_updates": 0,
        "duration_s": 0.125,
        "class_count/0": 4,
        "class_count/1": 5,
        "loss/regression/start": 2.0,
        "loss/regression/end": 0.5,
        "weight/regression": 0.25,
        "held_out/num": 6,
        "held_out/spearman": 0.9,
        "held_out/accuracy": 0.8,
        "held_out/kappa": 0.7,
        "held_out/pair_accuracy": 0.6,
        "held_out/num_comparisons": 2,
        "held_out/comparisons_in_order": 0.5,
        "fresh/num": 31,
        "fresh/spearman": 0.4,
        "alarm": 0.0,
        "trust": 0.75,
        "contradicting/ann": 0.19,
        "agreeing/num/ann": 30,
        "agreeing/pairs/ann": 60,
        "agreeing/share/ann": 0.875,
    }
    assert str(report).endswith(
        "\nann: about 1 in 5 ratings contradict the rest"
        "\nann: the reward agrees with the last 30 ratings in 88% of pairs"
    )
    assert "9 ratings (4/5 by class, worst first), 3 comparisons, 50 steps in 0.12 s" in str(report)
    assert "pairs in order 0.60, comparisons 0.50" in str(report)
    assert "regression 2 -> 0.5 (weight 0.25)" in str(report)
    assert "not ready" in str(FitReport(ready=False, num_ratings=3, class_counts=(3, 0)))


def test_a_report_says_of_the_true_reward_what_is_known():
    nan = float("nan")
    plain = FitReport(ready=True, num_ratings=9, class_counts=(4, 5), duration_s=0.5)
    report = plain.with_truth(Truth(400, 0.25, 0.75, nan, 1.5))
    assert plain.truth.num_steps == 0
    new = {"step": 0.25, "spearman": 0.75, "best_third_slope": 1.5, "num_steps": 400}
    added = report.as_dict().items() - plain.as_dict().items()
    known = {name: value for name, value in added if value == value}
    assert known == {f"truth/{name}": value for name, value in new.items()}
    last = str(report).splitlines()[-1]
    assert last == (
        "true reward, last 400 steps: advantages nan, steps 0.25, segments 0.75 (Spearman)"
    )
    assert str(plain.with_truth(Truth(400))) == str(plain)
    assert not [name for name in plain.with_truth(Truth(400)).as_dict() if "truth" in name]


def test_what_does_not_fit_together_is_refused_with_its_values():
    model = RewardEnsemble(3, 2)
    with pytest.raises(ValueError, match="same number of members, got 3 and 2"):
        RewardLearner(model, MultitaskLoss(num_classes=4, num_members=2))
    with pytest.raises(ValueError, match="`batch_size` must be at least 1, got 0"):
        learner(batch_size=0)
    with pytest.raises(ValueError, match=r"got \(3, 2, 5\) for \(3, 2, 4\)"):
        learner().fit(RatingDataset(3, 2, 5))


@pytest.mark.parametrize(("share_of_slips", "is_alarmed"), [(1.0, True), (0.2, False)])
@pytest.mark.parametrize("scale", ["group", "shared"])
@pytest.mark.filterwarnings("ignore:the learned reward does not predict")
def test_the_alarm_is_raised_by_random_ratings_in_rounds_of_five(scale, share_of_slips, is_alarmed):
    rng = np.random.default_rng(4)
    data = RatingDataset(3, 2, NUM_CLASSES)
    loss = MultitaskLoss(["pairwise"], num_classes=NUM_CLASSES, scale=scale)
    model = RewardEnsemble(3, 2, hidden_sizes=(16,))
    fitter = RewardLearner(model, loss, first_steps=20, later_steps=5)
    alarms = []
    for round_ in range(20):
        segments = make_segments(5, round=round_, seed=round_)
        data.add(segments)
        given = np.digitize(true_returns(segments), [-3, 0, 3])
        slips = rng.random(5) < share_of_slips
        given = np.where(slips, rng.integers(NUM_CLASSES, size=5), given)
        data.update([Rating(s.id, int(c), "judge") for s, c in zip(segments, given, strict=True)])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the reward model was not fitted")
            alarms.append(fitter.fit(data).fresh.alarm)
        if round_ == 12:  # the alarm is part of a checkpoint
            again = RewardLearner(
                RewardEnsemble(3, 2, hidden_sizes=(16,)), loss, first_steps=20, later_steps=5
            )
            again.load_state_dict(copy.deepcopy(fitter.state_dict()))
            fitter = again
    assert any(alarms) == is_alarmed


def rated_rounds(rates, *, num=30, rounds=8):
    """Yield a dataset after each round, in which raters err at these rates, and the shares so far.

    The shares are those of mistakes among what was rated after the first round.
    """
    rng = np.random.default_rng(3)
    data = RatingDataset(3, 2, NUM_CLASSES)
    errors = {name: [] for name in rates}
    for round_ in range(rounds):
        segments = make_segments(num * len(rates), round=round_, seed=round_)
        data.add(segments)
        classes = np.digitize(true_returns(segments), [-3, 0, 3])
        for k, (segment, right) in enumerate(zip(segments, classes.tolist(), strict=True)):
            name = list(rates)[k % len(rates)]
            off = int(rng.integers(1, NUM_CLASSES)) if rng.random() < rates[name] else 0
            data.update([Rating(segment.id, (right + off) % NUM_CLASSES, name)])
            errors[name] += [off > 0] if round_ else []
        yield data, {name: np.mean(found) if found else 0.0 for name, found in errors.items()}


@pytest.mark.parametrize("scale", ["group", "shared"])
def test_the_share_of_mistakes_of_each_rater_is_learned(scale):
    def make():
        model = RewardEnsemble(3, 2, hidden_sizes=(16,))
        loss = MultitaskLoss(["pairwise"], num_classes=NUM_CLASSES, scale=scale)
        return RewardLearner(model, loss, first_steps=100, later_steps=20)

    fitter, reports, planted = make(), [], {}
    for data, shares in rated_rounds({"ann": 0.05, "bob": 0.4}):
        reports.append(fitter.fit(data))
        planted |= shares
        if len(reports) == 5:  # what was found before is part of a checkpoint
            again = make()
            again.load_state_dict(copy.deepcopy(fitter.state_dict()))
            fitter = again
    assert reports[0].contradicting == {}  # all ratings are fitted to before they are predicted
    found = reports[-1].contradicting
    assert list(found) == ["ann", "bob"]
    assert found["ann"] == pytest.approx(planted["ann"], abs=0.08)
    assert found["bob"] == pytest.approx(planted["bob"], abs=0.08)


def test_a_state_from_before_contradictions_were_counted_is_loaded():
    fitter = learner(tasks=("pairwise",))
    for data, _ in rated_rounds({"ann": 0.2}, num=50, rounds=3):
        assert fitter.fit(data).ready
    state = copy.deepcopy(fitter.state_dict())
    del state["placed"]
    fitter.load_state_dict(state)
    assert fitter.fit(data).contradicting == {}  # of what it knows already, nothing is fresh


def test_scores_and_comparisons_are_placed_by_nobody():
    fitter = learner(tasks=("pairwise",))
    for data, _ in rated_rounds({"ann": 0.0}, num=50, rounds=2):
        fitter.fit(data)
    before = fitter.fit(data).contradicting
    segments = make_segments(80, round=9, seed=9)
    data.add(segments)
    data.update([Score(s.id, 0.5, "bob") for s in segments[:60]])
    data.update([Comparison(a.id, b.id, "cyd") for a, b in itertools.pairwise(segments[60:])])
    assert fitter.fit(data).contradicting == before != {}
