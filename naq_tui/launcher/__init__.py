"""Local processes of the console: what to start, how it fares, what it said. No Textual and no NATS in here."""

from naq_tui.launcher.folder import default_state_dir
from naq_tui.launcher.onlooker import Onlooker
from naq_tui.launcher.output import OutputPage
from naq_tui.launcher.recipe import Recipe, RecipeError, recipe_of, recipes_of
from naq_tui.launcher.spec import LaunchError, LaunchSpec
from naq_tui.launcher.supervisor import Supervisor
from naq_tui.launcher.view import ProcessStatus, ProcessView

__all__ = [
    "LaunchError",
    "LaunchSpec",
    "Onlooker",
    "OutputPage",
    "ProcessStatus",
    "ProcessView",
    "Recipe",
    "RecipeError",
    "Supervisor",
    "default_state_dir",
    "recipe_of",
    "recipes_of",
]
