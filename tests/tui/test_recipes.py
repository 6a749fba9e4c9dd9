"""Recipes as they stand in the config file, and variables as they are typed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from naq_tui.launcher import RecipeError, recipe_of, recipes_of
from naq_tui.launcher.environment import format_environment, parse_environment, without_secrets

FULL = """
kind = "worker"
modules = ["shop.tasks"]
queues = ["mail:3", "default"]
concurrency = 4
processes = 2
environment = { LANG = "C", LIMIT = 5 }
folder = "~/shop"
restart = "on-failure"
hangup = "drain"
reload = true
"""


def test_a_recipe_makes_the_command_a_person_would_type() -> None:
    recipe = recipe_of("mail", tomllib.loads(FULL))
    spec = recipe.spec
    assert (recipe.name, recipe.processes, spec.recipe) == ("mail", 2, "mail")
    assert spec.display() == "naq worker -m shop.tasks --concurrency=4 --reload mail:3 default"
    assert (spec.env, spec.cwd) == ({"LANG": "C", "LIMIT": "5"}, Path.home() / "shop")
    assert (spec.restart, spec.hangup) == ("on-failure", "drain")


def test_little_is_needed() -> None:
    recipe = recipe_of("clock", {"kind": "scheduler"})
    assert (recipe.processes, recipe.spec.display(), recipe.spec.restart) == (1, "naq scheduler", "never")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("quues = ['a']", "recipes.mail.quues: no entry of a recipe: did you mean 'queues'?"),
        ("queues = 'a'", "recipes.mail.queues: a list of texts was expected, not 'a'"),
        ("queues = ['a:x']", "recipes.mail.queues: 'a:x': a weight above 0 and up to 1000 is needed, as in 'mail:3'"),
        ("queues = ['a b']", "recipes.mail.queues: queue name 'a b' is not valid"),
        ("modules = ['a-b']", "recipes.mail.modules: 'a-b' can't be a module"),
        ("concurrency = 0", "recipes.mail.concurrency: 0 jobs at once is not possible: use 1 to 1000"),
        ("concurrency = true", "recipes.mail.concurrency: a whole number was expected, not True"),
        ("processes = 65", "recipes.mail.processes: 65 is not possible: use 1 to 64"),
        ("restart = 'often'", "recipes.mail.restart: 'often' is no restart policy: never, on-failure, always"),
        ("hangup = 'stay'", "recipes.mail.hangup: 'stay' is no hang-up policy: keep, drain, kill"),
        ("reload = 1", "recipes.mail.reload: true or false was expected, not 1"),
        ("kind = 'server'", "recipes.mail.kind: 'server' is none: use 'worker' or 'scheduler'"),
        ("folder = 3", "recipes.mail.folder: a text was expected, not 3"),
        ("environment = ['A']", "recipes.mail.environment: a table was expected"),
        ("environment = { A = ['secret'] }", "recipes.mail.environment: A is neither a text nor a number"),
        ("environment = { 'A=B' = 'x' }", "recipes.mail.environment: 'A=B' can't be the name of a variable"),
    ],
)
def test_each_bad_entry_is_one_line(text: str, line: str) -> None:
    table = {"modules": ["shop.tasks"], **tomllib.loads(text)}
    with pytest.raises(RecipeError) as raised:
        recipe_of("mail", table)
    (problem,) = raised.value.problems
    assert str(problem).startswith(line)
    assert "secret" not in problem.reason


def test_all_bad_entries_are_told_at_once() -> None:
    with pytest.raises(RecipeError) as raised:
        recipe_of("no name", {"kind": "scheduler", "queues": ["a"], "processes": "x"})
    assert [problem.entry for problem in raised.value.problems] == [
        ("recipes", "no name", "processes"),
        ("recipes", "no name", "queues"),
        ("recipes", "no name"),
    ]
    with pytest.raises(RecipeError, match="a table was expected"):
        recipe_of("mail", 3)


def test_a_bad_recipe_costs_the_others_nothing() -> None:
    recipes, problems = recipes_of({"bad": {"modules": []}, "clock": {"kind": "scheduler"}, "worse": []})
    assert list(recipes) == ["clock"]
    assert [problem.entry for problem in problems] == [("recipes", "bad", "modules"), ("recipes", "worse")]
    assert recipes_of(None) == ({}, ())
    assert [str(problem) for problem in recipes_of([])[1]] == ["recipes: tables were expected: [recipes.mail]"]


def test_variables_are_typed_as_in_a_shell() -> None:
    variables = parse_environment("LANG=C  GREETING='good day' EMPTY= MATH=1=1")
    assert variables == {"LANG": "C", "GREETING": "good day", "EMPTY": "", "MATH": "1=1"}
    assert parse_environment(format_environment(variables)) == variables
    assert parse_environment("") == {}


@pytest.mark.parametrize("text", ["LANG", "=x", "A=1 B", "A='x"])
def test_a_variable_without_a_value_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match=r"write KEY=VALUE|quote"):
        parse_environment(text)


def test_what_holds_a_secret_is_told_by_name_and_in_addresses() -> None:
    variables = {
        "DB_PASSWORD": "x",
        "API_KEY": "x",
        "GITHUB_TOKEN": "x",
        "DB": "pg://u:x@h/db",
        "LANG": "C",
        "URL": "a://h",
    }
    assert without_secrets(variables) == {"LANG": "C", "URL": "a://h"}
