"""Every figure: of trainings, of reward models, and of whole reports."""

from gym_rated.plots.budgets import plot_budgets
from gym_rated.plots.canvas import ARM_COLORS
from gym_rated.plots.fits import plot_fits
from gym_rated.plots.profiles import plot_profiles
from gym_rated.plots.reward import plot_reward
from gym_rated.plots.training import plot_curves, plot_report

__all__ = [
    "ARM_COLORS",
    "plot_budgets",
    "plot_curves",
    "plot_fits",
    "plot_profiles",
    "plot_report",
    "plot_reward",
]
