"""The presets by name: their spec and their network."""

from __future__ import annotations

from edgedepth.errors import UserError
from edgedepth.models import mobile, paper
from edgedepth.models.fakequant import Mode
from edgedepth.models.network import FocalNetwork
from edgedepth.spec import ModelSpec

NETWORKS: dict[str, type[FocalNetwork]] = {
    "mobile": mobile.MobileNetwork,
    "paper": paper.PaperNetwork,
}
SPECS = {"mobile": mobile.default_spec, "paper": paper.default_spec}


def preset_spec(preset: str, height: int, width: int) -> ModelSpec:
    """The ModelSpec of a preset at an input size.

    Raises:
        UserError: no such preset, or a size that it cannot take.
    """
    if preset not in SPECS:
        raise UserError(f"no preset named {preset}", f"choose one of {', '.join(SPECS)}")
    try:
        spec = SPECS[preset](height, width)
        spec.check()
    except ValueError as error:
        raise UserError(str(error), f"{width}x{height} was asked for") from None
    return spec


def make_network(spec: ModelSpec, mode: Mode) -> FocalNetwork:
    """Build the network of a spec with fresh weights."""
    return NETWORKS[spec.preset](spec, mode)
