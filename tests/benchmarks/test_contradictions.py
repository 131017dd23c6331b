from envs import make_segment

from benchmarks.contradictions import cells, make_raters, share_of_mistakes, table
from gym_rated import SyntheticRater


def test_no_two_runs_share_a_folder_and_each_has_its_raters() -> None:
    found = list(cells())
    assert len({cell.key for cell in found}) == len(found)
    for cell in found:
        raters = make_raters(cell)
        assert [rater.mistakes.mistake_rate for rater in raters] == list(cell.rates)
        assert len({rater.name for rater in raters}) == len(raters)


def test_mistakes_are_counted_in_the_memory_of_a_rater() -> None:
    rater = SyntheticRater(5)
    rater.submit([make_segment("a"), make_segment("b")])
    assert share_of_mistakes(rater) == 0
    rater = SyntheticRater(5, mistake_rate=1.0)
    rater.submit([make_segment("a")])
    assert share_of_mistakes(rater) == 1


def row(found: list[float | None], rates: list[float], seed: int, **options: float) -> dict:
    raters = [
        {"planted": p, "mistakes": p, "found": f, "in_sample": 0.0}
        for p, f in zip(rates, found, strict=True)
    ]
    cell = {"env_id": "Toy-v0", "method": "quantile", "num_ratings": 9, "seed": seed}
    return cell | {"raters": raters, "options": options}


def test_the_table_has_a_line_for_all_runs_of_a_rater() -> None:
    rows = [row([0.1], [0.2], 1), row([0.3], [0.2], 2), row([None], [0.2], 3)]
    rows += [row([None], [0.8], 1), row([0.1, 0.5], [0.05, 0.4], 1), row([0.4], [0.2], 1, drift=1)]
    head, _, *lines = table(rows).splitlines()
    assert head.endswith("| mistakes made | the run says | in sample |")
    first = "| Toy | `quantile` | 9 |"
    assert lines == [
        f"{first} 20% mistakes | 3 | 0.20 | 0.20 (0.10 to 0.30), nothing in 1 | 0.00 |",
        f"{first} 20% mistakes, drift 1 | 1 | 0.20 | 0.40 | 0.00 |",
        f"{first} 40% mistakes, of two raters | 1 | 0.40 | 0.50 | 0.00 |",
        f"{first} 5% mistakes, of two raters | 1 | 0.05 | 0.10 | 0.00 |",
        f"{first} 80% mistakes | 1 | 0.80 | nothing | 0.00 |",
    ]
