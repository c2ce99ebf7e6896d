"""The command line: a routing table. Each verb lives in ``edgedepth.commands`` and is loaded
only when it is called, so that ``edgedepth -h`` answers at once."""

from __future__ import annotations

import importlib
import sys

import click

from edgedepth import __version__
from edgedepth.errors import UserError

VERBS = {
    "infer": "Turn a focal sweep into a depth map.",
    "inspect": "Say what a sweep holds and what is wrong with it.",
    "train": "Train a network: float, then quantization-aware.",
    "average": "Average the weights of trained runs.",
    "eval": "Score models beside the mean depth and the classical answer.",
    "convert": "Turn a trained run into a .tflite file.",
    "check": "Audit a .tflite and run it on the CPU and the GPU path.",
    "bench": "Measure latency with what is needed to believe it.",
    "synth": "Render focal sweeps from scenes with depth.",
    "data": "Say and show what a data source holds.",
    "serve": "Give a phone's browser a page that runs the model.",
    "calibrate": "Measure a camera: its blur, how true its distances are.",
    "finetune": "Adapt a trained network to your sweeps, without depth truth.",
    "embed": "Write a scene's embedding and feature maps.",
    "demo": "Build the Android app, put it on a phone, fetch its sweeps.",
    "models": "List the models that are shipped.",
}
"""Verb -> one-line help. ``edgedepth.commands.<verb>`` defines a click command of that name."""


class LazyGroup(click.Group):
    """A click group that imports a verb's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"edgedepth.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Turn a phone's focal sweep into a metric depth map.

    \b
    edgedepth infer my_sweep/                 depth map of a folder of photos
    edgedepth train --run-dir runs/first      train a network
    edgedepth convert runs/first              make a .tflite of it

    Every command has its own -h with examples.
    """


def main() -> None:
    """Entry point: user errors become one line and exit code 1."""
    try:
        # A command that ends in click's Exit makes main return its code.
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("edgedepth: stopped", err=True)
        sys.exit(130)
    except UserError as error:
        click.echo(f"edgedepth: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        click.echo(f"edgedepth: {name}{error.strerror or error}", err=True)
        sys.exit(1)
