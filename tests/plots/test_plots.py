"""Figures: the right numbers in the right places, and words where there are none."""

import struct
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from gym_rated.plots import (
    ARM_COLORS,
    plot_budgets,
    plot_curves,
    plot_fits,
    plot_profiles,
    plot_report,
)
from gym_rated.runs import RunWriter
from gym_rated.runs.series import last_known, smooth
from gym_rated.statistics import Interval


@pytest.fixture
def figures(monkeypatch):
    """Keep each figure that is written."""
    written = []
    print_png = FigureCanvasAgg.print_png

    def keep(canvas, *args, **kwargs):
        written.append(canvas.figure)
        print_png(canvas, *args, **kwargs)

    monkeypatch.setattr(FigureCanvasAgg, "print_png", keep)
    return written


def series(*values, every=100):
    return np.arange(1, len(values) + 1) * every, np.array(values, float)


def rated_metrics():
    return {
        "charts/episodic_return": series(1, 2, 3, 4),
        "charts/learned_return": series(0.1, 0.2, 0.3, 0.4),
        "rated/weight/classification": series(1, 1.5, 2),
        "rated/weight/regression": series(1, 0.8, 0.5),
        "rated/class_count/0": series(2, 3, 4),
        "rated/class_count/1": series(3, 3, 6),
    }


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_report_of_run_folders_is_one_png(tmp_path):
    for arm in ("true", "rated"):
        with RunWriter(tmp_path / arm, {}, tensorboard=False) as run:
            for step in range(1, 4):
                run.log(step * 100, {"charts/episodic_return": step})
    path = tmp_path / "new" / "report.png"
    plot_report({arm: tmp_path / arm for arm in ("true", "rated")}, path, title="Two arms")
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (1875, 1230)  # 12.5 x 8.2 inches at 150 dpi


def test_every_panel_shows_its_data(tmp_path, figures):
    runs = {"true": {"charts/episodic_return": series(5, 6, 7, 8)}, "rated": rated_metrics()}
    plot_report(runs, tmp_path / "report.png", title="Two arms")
    true, learned, weights, classes = figures[0].axes
    assert [legend(ax) for ax in (true, learned)] == [["true", "rated"], ["rated"]]
    assert legend(weights) == ["classification", "regression"]
    assert legend(classes) == ["0 (worst)", "1 (best)"]
    assert not any(texts(ax) for ax in figures[0].axes)
    assert figures[0].get_suptitle() == "Two arms"
    assert true.lines[0].get_xydata().tolist() == [[100, 5], [200, 6], [300, 7], [400, 8]]
    assert weights.lines[1].get_ydata().tolist() == [1, 0.8, 0.5]
    assert classes.dataLim.ymax == 10  # 4 + 6 ratings at the end


def test_panels_without_data_say_so_in_words(tmp_path, figures):
    plot_report({"constant": {}}, tmp_path / "report.png", title="Nothing yet")
    assert [texts(ax) for ax in figures[0].axes] == [
        ["No episode has ended yet."],
        ["No arm here was trained on a learned reward."],
        ["No fit with weighted tasks yet."],
        ["No ratings yet."],
    ]


def test_weights_and_ratings_are_those_of_the_rated_arm(tmp_path, figures):
    shuffled = {"rated/weight/other": series(1.0), "rated/class_count/0": series(1.0)}
    runs = {"shuffled": shuffled, "rated": rated_metrics()}
    plot_report(runs, tmp_path / "report.png", title="")
    assert figures[0].axes[2].get_title(loc="left") == "Task weights at each fit (rated)"
    assert figures[0].axes[3].get_title(loc="left") == "Ratings by class (rated)"
    del runs["rated"]
    plot_report(runs, tmp_path / "report.png", title="")
    assert figures[1].axes[2].get_title(loc="left") == "Task weights at each fit (shuffled)"


def test_classes_are_stacked_by_number_and_a_crowd_is_labelled_at_its_ends(tmp_path, figures):
    metrics = {f"rated/class_count/{i}": series(1, 1) for i in (10, 2, 9, 0, 1, 3, 4, 5, 6, 7, 8)}
    plot_report({"rated": metrics}, tmp_path / "report.png", title="")
    assert legend(figures[0].axes[3]) == ["0 (worst)", "10 (best)"]


def test_rows_that_are_nan_are_left_out(tmp_path, figures):
    metrics = {
        "charts/episodic_return": series(1, np.nan, 3),
        "rated/class_count/0": series(np.nan),
    }
    plot_report({"true": metrics}, tmp_path / "report.png", title="")
    assert figures[0].axes[0].lines[0].get_ydata().tolist() == [1, 3]
    assert texts(figures[0].axes[3]) == ["No ratings yet."]


def test_weights_that_differ_by_far_get_a_logarithmic_axis(tmp_path, figures):
    metrics = rated_metrics() | {"rated/weight/pairwise": series(1, 10, 100)}
    plot_report({"rated": metrics}, tmp_path / "report.png", title="")
    plot_report({"rated": rated_metrics()}, tmp_path / "report.png", title="")
    assert [figure.axes[2].get_yscale() for figure in figures] == ["log", "linear"]


def test_an_arm_has_the_same_colour_in_every_figure(tmp_path, figures):
    arms = ["shuffled", "mine", "true", "constant", "rated"]
    plot_report(
        {arm: {"charts/episodic_return": series(1, 2)} for arm in arms},
        tmp_path / "a.png",
        title="",
    )
    plot_curves({arm: [series(1, 2)] for arm in arms}, tmp_path / "b.png", title="")
    report = {line.get_label(): to_hex(line.get_color()) for line in figures[0].axes[0].lines}
    curves = {line.get_label(): to_hex(line.get_color()) for line in figures[1].axes[0].lines}
    for arm in arms:
        assert report[arm] == curves[f"{arm} (n = 1)"]
    for arm in set(arms) - {"mine"}:
        assert report[arm] == ARM_COLORS[arm].lower()
    assert len(set(report[arm] for arm in arms)) == 5


def test_a_method_keeps_its_colour_whatever_is_beside_it(tmp_path, figures):
    for i, arms in enumerate((["pairs", "mine"], ["mine", "wu2025", "rbrl", "pairs", "ours"])):
        plot_curves({arm: [series(1, 2)] for arm in arms}, tmp_path / f"{i}.png", title="")
    few, many = (
        {line.get_label(): to_hex(line.get_color()) for line in figure.axes[0].lines}
        for figure in figures
    )
    assert few["pairs (n = 1)"] == many["pairs (n = 1)"] == ARM_COLORS["pairs"].lower()
    assert len(set(many.values())) == 5
    assert few["mine (n = 1)"] not in {color.lower() for color in ARM_COLORS.values()}


def test_arms_of_one_colour_differ_in_their_strokes(tmp_path, figures):
    arms = ["rated", "ours", *"abcdefghijkl"]
    plot_curves({arm: [series(1, 2)] for arm in arms}, tmp_path / "a.png", title="")
    looks = [(line.get_color(), line.get_linestyle()) for line in figures[0].axes[0].lines]
    assert len(set(looks)) == len(arms)


def test_a_line_has_points_where_there_is_data_and_only_there(tmp_path, figures):
    episodes = [(np.array([100, 100, 5000, 9000]), np.array([1.0, 3.0, 4.0, 6.0]))] * 2
    plot_curves({"rated": episodes}, tmp_path / "a.png", title="")
    plot_report({"rated": {"charts/episodic_return": episodes[0]}}, tmp_path / "b.png", title="")
    (mean,) = figures[0].axes[0].lines
    average = figures[1].axes[0].lines[1]
    for line in (mean, average):
        assert line.get_xdata().tolist() == [100, 5000, 9000]
        assert line.get_ydata() == pytest.approx([2, 4, 6])
    assert texts(figures[0].axes[0]) == ["bands: ± one standard error"]
    long = (np.arange(1, 5001), np.zeros(5000))
    plot_curves({"rated": [long]}, tmp_path / "c.png", title="")
    (line,) = figures[2].axes[0].lines
    assert len(line.get_xdata()) == 200
    assert line.get_xdata()[[0, -1]].tolist() == [1, 5000]


def test_a_curve_is_the_mean_of_its_seeds_with_one_standard_error(tmp_path, figures):
    seeds = [series(1, 1, 1), series(3, 3, 3), series(5, 5, 5, 5)]
    plot_curves({"rated": seeds}, tmp_path / "curves.png", title="")
    (ax,) = figures[0].axes
    (line,) = ax.lines
    assert line.get_xdata()[[0, -1]].tolist() == [100, 300]  # what all seeds reached
    assert line.get_ydata() == pytest.approx(3)
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    error = 2 / np.sqrt(3)  # of 1, 3, 5: standard deviation 2
    assert (heights.min(), heights.max()) == pytest.approx((3 - error, 3 + error))


def test_one_seed_gets_no_band_and_no_seed_gets_words(tmp_path, figures):
    plot_curves({"true": [series(1, 2)], "rated": []}, tmp_path / "a.png", title="")
    plot_curves({"rated": [((), ())]}, tmp_path / "b.png", title="")
    assert len(figures[0].axes[0].collections) == 0
    assert legend(figures[0].axes[0]) == ["true (n = 1)"]
    assert texts(figures[1].axes[0]) == ["No episode has ended yet."]


def test_the_moving_average_weighs_by_a_gaussian_of_the_distance():
    steps, values = np.array([0, 10]), np.array([0.0, 1.0])
    average = smooth(steps, values, np.array([0.0, 5.0, 10.0]), bandwidth=10)
    weight = np.exp(-0.5)  # at a distance of one bandwidth
    assert average == pytest.approx([weight / (1 + weight), 0.5, 1 / (1 + weight)])


def test_far_from_all_episodes_the_average_is_that_of_the_nearest():
    steps, values = np.array([0, 1_000_000]), np.array([2.0, 6.0])
    assert smooth(steps, values, np.array([400_000.0]), bandwidth=10) == pytest.approx([2])


def test_counts_hold_until_the_next_fit():
    counts = last_known(np.array([5, 10, 15, 20]), np.array([10, 20]), np.array([3.0, 4.0]))
    assert counts.tolist() == [0, 3, 3, 4]


@pytest.mark.parametrize(
    ("plot", "name"), [(plot_report, "runs"), (plot_curves, "groups")], ids=["report", "curves"]
)
def test_no_arm_is_refused(tmp_path, plot, name):
    with pytest.raises(ValueError, match=f"`{name}` must hold at least one arm"):
        plot({}, tmp_path / "x.png", title="")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="must hold a run"):
        plot_report({"true": tmp_path}, tmp_path / "x.png", title="")


def test_plots_import_matplotlib_late_and_pyplot_never(tmp_path):
    code = (
        "import sys; from gym_rated.plots import plot_curves\n"
        "print('matplotlib' in sys.modules)\n"
        "plot_curves({'true': [([1, 2], [3, 4])]}, sys.argv[1], title='')\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.png")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr


@pytest.mark.parametrize("name", ["$x_{$", r"\\frac", "$$", "a$b", "%s", "{0}"])
def test_a_name_of_a_run_is_no_formula(tmp_path, figures, name):
    runs = {name: {"charts/episodic_return": series(5, 6, 7, 8)}}
    plot_report(runs, tmp_path / "report.png", title=name)
    assert figures[0].get_suptitle() == name
    assert legend(figures[0].axes[0]) == [name]


def test_agreement_with_the_true_reward_is_drawn_where_a_run_knows_it(tmp_path, figures):
    blind = {"rated/held_out/spearman": series(0.5, 0.6)}
    knows = blind | {
        "rated/truth/advantage": series(0.7, 0.8),
        "rated/truth/step": series(0.3, 0.4),
    }
    plot_fits({"rated": [blind]}, tmp_path / "a.png", title="")
    plot_fits({"rated": [blind, knows], "mine": [knows]}, tmp_path / "b.png", title="")
    assert [len(figure.axes) for figure in figures] == [3, 4]
    held_out, *_, truth = figures[1].axes
    assert (legend(figures[0].axes[0]), legend(held_out)) == (["rated"], ["rated", "mine"])
    assert truth.get_title(loc="left") == (
        "Agreement with the true reward on what the agent does now"
    )
    assert legend(truth) == ["rated", "mine", "advantages", "single steps"]
    drawn = [line for line in truth.lines if list(line.get_xdata()) == [100, 200]]
    assert [(line.get_linestyle(), line.get_ydata().tolist()) for line in drawn] == [
        *[("-", [0.7, 0.8])] * 2,
        *[("--", [0.3, 0.4])] * 2,
    ]
    colors = [to_hex(line.get_color()) for line in drawn]
    assert colors[:2] == colors[2:] != colors[1:3]


def test_weights_far_apart_are_labelled_with_powers(tmp_path, figures):
    metrics = {**rated_metrics(), "rated/weight/regression": series(0.01, 0.1, 100)}
    plot_report({"rated": metrics}, tmp_path / "report.png", title="Far apart")
    weights = figures[0].axes[2]
    labels = [label.get_text() for label in weights.yaxis.get_majorticklabels()]
    assert {"1", "10", "100"} <= set(labels)
    assert not any("$" in label for label in labels)


def test_a_profile_is_drawn_for_each_arm_with_its_band(tmp_path, figures):
    arms = {"true": [[0.8, 1.2], [1.0, 1.0]], "ours": [[0.0, 1.0]]}
    plot_profiles(arms, tmp_path / "profile.png", title="Profile")
    (ax,) = figures[0].axes
    true, ours = ax.lines
    assert legend(ax) == ["true (2 tasks)", "ours (1 task)"]
    at = true.get_xdata()
    assert (at[0], at[-1]) == (0.0, 1.2)
    # above 0.9: one of two seeds of the first task, and both of the second
    assert true.get_ydata()[np.searchsorted(at, 0.9)] == 0.75
    assert ours.get_ydata()[np.searchsorted(at, 0.5)] == 0.5
    assert len(ax.collections) == 2


def test_a_run_far_away_does_not_hide_the_others(tmp_path, figures):
    plot_profiles({"ours": [[-30.0, 40.0]]}, tmp_path / "profile.png", title="Profile")
    assert figures[0].axes[0].get_xlim() == (-1.0, 2.0)


def test_no_arm_has_no_profile(tmp_path):
    with pytest.raises(ValueError, match="`arms` must hold at least one arm, got none"):
        plot_profiles({}, tmp_path / "profile.png", title="Profile")


def test_scores_stand_at_their_numbers_of_ratings_with_their_intervals(tmp_path, figures):
    arms = {"ours": [Interval(0.1, 0.2, 0.4), 0.5], "pairs": [0.0, Interval(0.0, 0.1, 0.2)]}
    plot_budgets(arms, [50, 500], tmp_path / "budgets.png", title="Ratings")
    (ax,) = figures[0].axes
    *_, ours, pairs = ax.lines
    assert legend(ax) == ["ours", "pairs"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["50", "500"]
    assert ours.get_ydata().tolist() == [0.2, 0.5]
    assert ours.get_xdata() == pytest.approx([50, 500], rel=0.05)
    assert (ours.get_xdata() < pairs.get_xdata()).all(), "intervals do not hide each other"
    heights = [vertical.get_segments()[0][:, 1].tolist() for vertical in ax.collections]
    assert heights == [[0.1, 0.4], [0.0, 0.2]]


def test_scores_that_are_not_one_for_each_number_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`arms` must have 2 scores each, .* got 1 for 'ours'"):
        plot_budgets({"ours": [0.5]}, [50, 500], tmp_path / "budgets.png", title="Ratings")
    with pytest.raises(ValueError, match="`arms` must hold at least one arm, got none"):
        plot_budgets({}, [50, 500], tmp_path / "budgets.png", title="Ratings")
    assert not list(tmp_path.iterdir())


def test_where_colours_begin_anew_strokes_differ(tmp_path, figures):
    arms = [f"arm{i}" for i in range(7)]
    plot_curves({arm: [series(1, 2)] for arm in arms}, tmp_path / "curves.png", title="Many")
    looks = {(line.get_color(), line.get_linestyle()) for line in figures[0].axes[0].lines}
    assert len(looks) == 7
