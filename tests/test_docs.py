"""What the documentation says is so."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from edgedepth.cli import VERBS, cli
from tests.scripts import load_script

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "edgedepth" / "pretrained"
TRAINING = ROOT / "docs" / "training.md"
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "android_demo/**/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"```(?:bash|sh|console)\n(.*?)```", re.DOTALL)


def generated_page() -> str:
    page: str = load_script(ROOT / "docs" / "make_cli.py").page()
    return page


def commands(page: Path) -> list[list[str]]:
    """Each ``edgedepth ...`` command in a page's shell blocks, as arguments."""
    lines = "\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ").splitlines()
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [line[1:] for line in words if line and line[0] == "edgedepth"]


def targets(page: Path) -> list[str]:
    found = LINK.findall(page.read_text())
    return [link for link in found if not re.match(r"[a-z]+:", link) and link[0] != "#"]


def check_usage(arguments: list[str]) -> None:
    """Raise click's UsageError when a command is not one, without running it."""
    verb, *rest = arguments
    command = cli.get_command(click.Context(cli), verb)
    if command is None:
        raise click.UsageError(f"no such command: {verb}")
    while isinstance(command, click.Group):
        name, *rest = rest or [""]
        child = command.get_command(click.Context(command), name)
        if child is None:
            raise click.UsageError(f"no such command: {verb} {name}")
        command = child
    context = click.Context(command, help_option_names=["-h", "--help"])
    values, left, _ = command.make_parser(context).parse_args(rest)
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and isinstance(parameter.type, click.Choice):
            given = values.get(parameter.name or "")
            for value in given if isinstance(given, list) else [given]:
                if isinstance(value, str):
                    parameter.type.convert(value, parameter, context)
    if left:
        raise click.UsageError(f"too many arguments: {left}")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented(verb: str) -> None:
    assert f"## edgedepth {verb}\n" in (ROOT / "docs" / "cli.md").read_text()


def test_the_command_line_page_is_what_the_commands_say() -> None:
    written = (ROOT / "docs" / "cli.md").read_text()
    assert written == generated_page(), "docs/cli.md is stale: run `make docs`"


def test_pages_are_found() -> None:
    assert {"README.md", "CHANGELOG.md", "architecture.md", "method.md"} <= {p.name for p in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in targets(page):
        assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_documentation_exist(page: Path) -> None:
    for arguments in commands(page):
        try:
            check_usage(arguments)
        except click.UsageError as error:
            pytest.fail(f"{page.name}: edgedepth {shlex.join(arguments)}: {error.format_message()}")


def recipe() -> list[list[str]]:
    """The commands that repeat the shipped weights, with what its shell functions add to them."""
    block = next(b for b in BLOCK.findall(TRAINING.read_text()) if "edgedepth train" in b)
    stub = "edgedepth() { printf '%s\\0' \"$@\"; printf '\\n'; }\n"
    said = subprocess.run(
        ["bash", "-eu", "-c", stub + block], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return [line.split("\0")[:-1] for line in said.splitlines()]


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_the_recipe_of_the_shipped_weights_is_made_of_commands() -> None:
    for arguments in recipe():
        check_usage(arguments)


def test_the_recipe_begins_with_what_it_has_made() -> None:
    made: set[str] = set()
    for verb, *rest in recipe():
        runs = {word for word in rest if word.startswith("runs/")}
        target = set() if verb == "convert" else {option(rest, "--run-dir")}
        assert runs - target <= made, rest
        assert not target & made, rest
        made |= target


def test_the_recipe_has_the_steps_of_the_card() -> None:
    card = json.loads((SHIPPED / "edgedepth-mobile.json").read_text())
    trained = [arguments for arguments in recipe() if arguments[0] == "train"]
    steps = sum(int(option(arguments, "--steps")) for arguments in trained)
    assert f"{steps} float" in card["trained_on"]
    # The first 8 bits are those of an earlier model, 8c's are beside the line of the others.
    others = ("runs/16", "runs/8c")
    ours = [a for a in trained if option(a, "--run-dir") not in others]
    eight_bit = sum(n for a in ours if (n := int(option(a, "--qat-steps"))) > 1)
    assert f"{eight_bit} quantization-aware steps" in card["trained_on"]


def test_the_readme_shows_the_whole_path() -> None:
    verbs = {arguments[0] for arguments in commands(ROOT / "README.md")}
    assert {"train", "convert", "infer"} <= verbs


@pytest.mark.parametrize(
    "wrong",
    [["nonsense"], ["models", "--nonsense"], ["models", "too", "much"], ["data", "nonsense"]],
)
def test_the_check_itself_notices(wrong: list[str]) -> None:
    with pytest.raises(click.UsageError):
        check_usage(wrong)
