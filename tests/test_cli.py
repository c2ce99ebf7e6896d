from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from edgedepth import __version__, cli
from edgedepth.errors import UserError


def edgedepth(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", *arguments], capture_output=True, text=True
    )


def test_help_lists_every_verb() -> None:
    done = edgedepth("-h")
    assert done.returncode == 0
    for verb, line in cli.VERBS.items():
        assert f"  {verb} " in done.stdout
        assert line in done.stdout


def test_version() -> None:
    done = edgedepth("--version")
    assert done.returncode == 0
    assert __version__ in done.stdout


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_loads_and_shows_examples(verb: str) -> None:
    result = CliRunner().invoke(cli.cli, [verb, "-h"])
    assert result.exit_code == 0, result.output
    assert f"edgedepth {verb}" in result.output


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_is_the_command_it_is_called(verb: str) -> None:
    command = cli.LazyGroup().get_command(click.Context(cli.cli), verb)
    assert command is not None
    assert command.name == verb


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["models", "--nonsense"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    done = edgedepth(*arguments)
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr


def failing_with(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("no.jpg is not a picture", "try another"), 1, "no.jpg is not a picture; try"),
        (OSError(errno.ENOSPC, "No space left on device", "out/x"), 1, "out/x: No space left"),
        (KeyboardInterrupt(), 130, "stopped"),
        (click.BadParameter("must be WxH"), 2, "must be WxH"),
    ],
)
def test_errors_become_one_line_and_a_code(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli.cli, "main", failing_with(error))
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == code
    shown = capsys.readouterr().err
    assert words in shown
    assert len(shown.strip().splitlines()) == 1


def test_user_error_without_advice() -> None:
    assert str(UserError("it is broken")) == "it is broken"


@pytest.mark.parametrize("code", [0, 1])
def test_a_command_that_ends_with_a_code_ends_the_program_with_it(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def models() -> None:
        raise click.exceptions.Exit(code)

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: models)
    monkeypatch.setattr(sys, "argv", ["edgedepth", "models"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == code
