"""Write docs/cli.md from the commands' own help.

python docs/make_cli.py
"""

from __future__ import annotations

from pathlib import Path

import click

from edgedepth.cli import VERBS, cli

PAGE = Path(__file__).resolve().parent / "cli.md"
WIDTH = 96
HEAD = """# Command line

Written by `make docs` from the help of `edgedepth` and its commands; edit that, not this page.

Exit codes: 0 the thing asked for was done, 1 it could not be, 2 wrong usage.
"""


def help_of(command: click.Command, name: str) -> str:
    """A command's help as a terminal of ``WIDTH`` columns shows it."""
    settings = {"help_option_names": ["-h", "--help"]}
    with click.Context(
        command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH, **settings
    ) as context:
        return command.get_help(context)


def page() -> str:
    """The whole page as Markdown."""
    sections = [HEAD, f"```\n{help_of(cli, 'edgedepth')}\n```\n"]
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        if command is None:
            raise LookupError(verb)
        sections.append(section(command, f"edgedepth {verb}", 2))
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                sections.append(section(child, f"edgedepth {verb} {name}", 3))
    return "\n".join(sections)


def section(command: click.Command, name: str, level: int) -> str:
    return f"{'#' * level} {name}\n\n```\n{help_of(command, name)}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
