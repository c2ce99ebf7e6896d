"""The sample scene: a desk with things on it in front of a room, laid by hand.

It is what the sweep shipped with edgedepth shows: something in focus at every plane from
0.3 to 4 m, and shadows, since it is there to be looked at.
"""

from __future__ import annotations

import numpy as np

from edgedepth.data.scenes import Vector, lean, look, turned
from edgedepth.data.textures import Material
from edgedepth.data.tracer import BOX, CYLINDER, ELLIPSOID, ROOM, Primitive, World

_TOP = 0.27
"""Desk top, metres below the camera."""

_FLOOR = 1.0

Colour = tuple[float, float, float]


def _paint(
    kind: str,
    per_metre: float,
    *colours: Colour,
    contrast: float = 0.8,
    grain: float = 0.08,
    angle: float = 0.0,
    variant: int = 0,
) -> tuple[Material, ...]:
    low, high = colours[0], colours[-1]
    middle = colours[1] if len(colours) == 3 else _mix(low, high)
    start = 0.37 * (variant + 1)
    return (
        Material(
            kind, per_metre, (low, middle, high), contrast, grain, (start, 0.2), angle, variant
        ),
    )


def _mix(a: Colour, b: Colour) -> Colour:
    return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2)


def _on(
    kind: int,
    x: float,
    z: float,
    half: tuple[float, float, float],
    materials: tuple[Material, ...],
    turn: float = 0.0,
    base: float = _TOP,
    tilt: float = 0.0,
) -> Primitive:
    """A solid standing at (x, z) on a level ``base`` metres below the camera."""
    axes: Vector = lean(tilt) @ turned(turn)
    size = np.array(half)
    drop = float(np.abs(axes[:, 1]) @ size) if kind == BOX else float(size[1])
    return Primitive(kind, np.array([x, base - drop, z]), axes, size, materials)


def _books() -> list[Primitive]:
    """A lying stack, and a row standing at the back of the desk."""
    cream: Colour = (0.9, 0.87, 0.78)
    stack = [
        ((0.115, 0.016, 0.085), (0.12, 0.22, 0.42), 0.25),
        ((0.105, 0.022, 0.075), (0.62, 0.16, 0.13), 0.42),
        ((0.09, 0.013, 0.065), (0.16, 0.4, 0.3), 0.1),
    ]
    found, base = [], _TOP
    for i, (half, colour, turn) in enumerate(stack):
        cover = _paint("text", 6.0, colour, cream, contrast=1.0, grain=0.1, variant=i)
        found.append(_on(BOX, -0.23, 0.62, half, cover, turn, base))
        base -= 2 * half[1]
    colours: list[Colour] = [
        (0.75, 0.55, 0.15),
        (0.16, 0.3, 0.5),
        (0.55, 0.12, 0.2),
        (0.2, 0.42, 0.25),
        (0.85, 0.82, 0.75),
        (0.3, 0.2, 0.4),
        (0.8, 0.4, 0.2),
    ]
    x = -0.62
    for i, colour in enumerate(colours):
        thick, tall = 0.016 + 0.006 * (i % 3), 0.12 + 0.015 * ((i * 5) % 4)
        spine = _paint("text", 5.0, colour, cream, contrast=0.95, angle=np.pi / 2, variant=i % 4)
        found.append(_on(BOX, x + thick, 1.12, (thick, tall, 0.09), spine))
        x += 2 * thick + 0.003
    return found


def _near_things() -> list[Primitive]:
    """What lies within half a metre: cards, a die, a ball, a ruler, coins."""
    white: Colour = (0.93, 0.92, 0.88)
    ruler = _paint("stripes", 26.0, (0.2, 0.12, 0.05), (0.95, 0.8, 0.42), contrast=0.9)
    die = _paint("checker", 9.0, (0.1, 0.12, 0.16), white, contrast=1.0, grain=0.1)
    card = _paint("text", 9.0, (0.15, 0.15, 0.2), white, contrast=1.0, grain=0.12, variant=3)
    ball = _paint("fractal", 14.0, (0.5, 0.62, 0.1), (0.88, 0.93, 0.35), contrast=0.9, grain=0.3)
    box = _paint("cells", 6.0, (0.08, 0.3, 0.33), (0.2, 0.55, 0.55), (0.95, 0.75, 0.4), variant=2)
    brass = _paint("speckle", 40.0, (0.5, 0.36, 0.12), (0.95, 0.8, 0.45), contrast=0.8)
    return [
        _on(BOX, -0.15, 0.385, (0.048, 0.0025, 0.032), card, 0.5),
        _on(BOX, -0.125, 0.405, (0.026, 0.026, 0.026), die, 0.62, _TOP - 0.005),
        _on(BOX, 0.02, 0.36, (0.1, 0.002, 0.014), ruler, -0.35),
        _on(ELLIPSOID, 0.155, 0.44, (0.033, 0.033, 0.033), ball),
        _on(BOX, 0.03, 0.53, (0.045, 0.032, 0.03), box, 0.9),
        _on(CYLINDER, 0.235, 0.39, (0.015, 0.0025, 0.015), brass),
        _on(CYLINDER, 0.265, 0.405, (0.012, 0.0025, 0.012), brass),
        _on(CYLINDER, 0.24, 0.393, (0.013, 0.0022, 0.013), brass, 0.4, _TOP - 0.005),
    ]


def _middle_things() -> list[Primitive]:
    """A mug, pencils in a pot, a globe, a picture in its frame."""
    glaze = _paint(
        "stripes", 3.4, (0.14, 0.27, 0.44), (0.93, 0.9, 0.84), angle=np.pi / 2, grain=0.15
    )
    coffee = _paint("speckle", 20.0, (0.16, 0.09, 0.05), (0.3, 0.18, 0.1))
    pot = _paint("weave", 2.6, (0.3, 0.2, 0.12), (0.85, 0.68, 0.45), contrast=1.0, grain=0.2)
    globe = _paint(
        "fractal",
        3.0,
        (0.1, 0.28, 0.5),
        (0.25, 0.5, 0.6),
        (0.85, 0.78, 0.45),
        contrast=1.0,
        variant=1,
    )
    wood = _paint("wood", 5.0, (0.25, 0.14, 0.07), (0.55, 0.34, 0.18), grain=0.15)
    scene = _paint(
        "fractal",
        3.5,
        (0.15, 0.2, 0.35),
        (0.8, 0.5, 0.35),
        (0.98, 0.9, 0.7),
        contrast=1.0,
        variant=2,
    )
    found = [
        _on(CYLINDER, 0.2, 0.6, (0.042, 0.05, 0.042), glaze),
        _on(CYLINDER, 0.2, 0.6, (0.037, 0.002, 0.037), coffee, base=_TOP - 0.0995),
        _on(CYLINDER, 0.0, 0.78, (0.04, 0.055, 0.04), pot),
        _on(CYLINDER, 0.5, 1.02, (0.06, 0.012, 0.06), wood),
        _on(CYLINDER, 0.5, 1.02, (0.01, 0.05, 0.01), wood),
        _on(ELLIPSOID, 0.5, 1.02, (0.115, 0.115, 0.115), globe, 0.4, _TOP - 0.09),
        _on(BOX, 0.06, 1.13, (0.12, 0.16, 0.012), wood, 0.18),
        _on(BOX, 0.06, 1.119, (0.1, 0.14, 0.008), scene, 0.18, _TOP - 0.02),
    ]
    paints: list[Colour] = [
        (0.9, 0.7, 0.1),
        (0.75, 0.15, 0.12),
        (0.15, 0.4, 0.25),
        (0.2, 0.3, 0.65),
    ]
    for i, paint in enumerate(paints):
        stick = _paint("stripes", 2.5, paint, _mix(paint, (1, 1, 1)), contrast=0.9, grain=0.2)
        angle = 0.5 + 1.6 * i
        pencil = _on(
            CYLINDER,
            0.018 * np.cos(angle),
            0.78 + 0.018 * np.sin(angle),
            (0.005, 0.095, 0.005),
            stick,
            angle,
            _TOP - 0.01,
            0.17 * (-1) ** i,
        )
        found.append(pencil)
    return found


def _plant() -> list[Primitive]:
    clay = _paint("fractal", 5.0, (0.5, 0.24, 0.15), (0.78, 0.45, 0.3), grain=0.2, variant=3)
    rng = np.random.default_rng(5)
    found = [_on(CYLINDER, 0.78, 1.12, (0.075, 0.07, 0.075), clay)]
    crown = np.array([0.78, _TOP - 0.27, 1.12])
    for i in range(46):
        away = rng.normal(size=3)
        away /= np.linalg.norm(away)
        tone = rng.uniform(0.6, 1.15)
        leaf = _paint(
            "stripes",
            6.0,
            (0.08 * tone, 0.25 * tone, 0.08 * tone),
            (0.3 * tone, 0.6 * tone, 0.2 * tone),
            contrast=0.7,
            grain=0.25,
            variant=i % 4,
        )
        frame, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        centre = crown + away * rng.uniform(0.05, 0.15) * np.array([1, 0.9, 1])
        size = np.array([0.05, 0.005, 0.022]) * rng.uniform(0.8, 1.3)
        found.append(Primitive(ELLIPSOID, centre, frame, size, leaf))
    return found


def _behind() -> list[Primitive]:
    """The room beyond the desk: a chair, a cabinet, shelves with boxes, a poster."""
    wood = _paint("wood", 1.6, (0.3, 0.17, 0.09), (0.62, 0.42, 0.24), grain=0.15, variant=1)
    cloth = _paint("weave", 0.7, (0.2, 0.28, 0.36), (0.5, 0.58, 0.64), contrast=0.9, grain=0.25)
    found = [
        _on(BOX, -0.75, 1.95, (0.24, 0.03, 0.24), cloth, 0.5, _FLOOR - 0.42),
        _on(BOX, -0.63, 2.17, (0.24, 0.3, 0.025), cloth, 0.5, _FLOOR - 0.48),
        _on(BOX, 1.75, 2.9, (0.42, 0.45, 0.25), wood, -0.25, _FLOOR),
        _on(BOX, -1.5, 3.5, (0.6, 0.02, 0.16), wood, 0, 0.25),
        _on(BOX, -1.5, 3.5, (0.6, 0.02, 0.16), wood, 0, -0.3),
    ]
    for dx in (-0.18, 0.18):
        found.append(_on(BOX, -0.75 + dx, 1.95, (0.02, 0.21, 0.02), wood, 0.5, _FLOOR))
    rng = np.random.default_rng(11)
    kinds = ("text", "cells", "checker", "brick", "fractal")
    for level in (0.21, -0.34):
        for i in range(7):
            base = rng.uniform(0.15, 0.9, 3)
            dark: Colour = (base[0] * 0.45, base[1] * 0.45, base[2] * 0.45)
            light: Colour = (base[0], base[1], base[2])
            skin = _paint(kinds[i % 5], 1.4, dark, light, contrast=0.95, grain=0.2, variant=i % 4)
            half = (0.05 + 0.02 * (i % 3), rng.uniform(0.09, 0.2), 0.08)
            found.append(_on(BOX, -2.0 + 0.165 * i, 3.45, half, skin, rng.normal(0, 0.12), level))
    vase = _paint("cells", 1.8, (0.5, 0.2, 0.12), (0.9, 0.65, 0.4), (0.98, 0.93, 0.85), variant=1)
    poster = _paint(
        "cells",
        0.55,
        (0.1, 0.15, 0.3),
        (0.85, 0.35, 0.2),
        (0.97, 0.85, 0.55),
        contrast=1.0,
        grain=0.2,
    )
    frame = _paint("plain", 1.0, (0.12, 0.1, 0.09), (0.2, 0.18, 0.16))
    found += [
        _on(ELLIPSOID, 1.6, 2.85, (0.12, 0.17, 0.12), vase, base=_FLOOR - 0.9),
        _on(BOX, 0.55, 4.0, (0.47, 0.36, 0.02), frame, base=0.05),
        _on(BOX, 0.55, 3.985, (0.42, 0.31, 0.02), poster, base=0.0),
    ]
    return found


def desk_world() -> World:
    """The desk, as a phone held above its near edge sees it."""
    plaster = _paint(
        "fractal", 0.8, (0.62, 0.6, 0.56), (0.86, 0.84, 0.79), contrast=0.7, grain=0.3
    )[0]
    brick = _paint(
        "brick",
        0.9,
        (0.75, 0.72, 0.66),
        (0.5, 0.24, 0.17),
        (0.72, 0.42, 0.3),
        contrast=0.9,
        grain=0.35,
    )[0]
    boards = _paint("wood", 0.9, (0.26, 0.16, 0.09), (0.58, 0.4, 0.24), grain=0.25, variant=2)[0]
    room = Primitive(
        ROOM,
        np.array([0.2, _FLOOR - 1.3, 1.6]),
        np.eye(3),
        np.array([2.9, 1.3, 2.45]),
        (plaster, plaster, plaster, boards, plaster, brick),
    )
    oak = _paint(
        "wood", 2.2, (0.5, 0.33, 0.18), (0.8, 0.61, 0.38), contrast=0.75, grain=0.3, variant=3
    )
    desk = _on(BOX, 0.05, 0.78, (0.95, 0.018, 0.52), oak, base=_TOP + 0.036)
    things = [*_near_things(), *_middle_things(), *_books(), *_plant(), *_behind()]
    return World(
        (room, desk, *things),
        np.zeros(3),
        look(0.3, 0.02, 0.0),
        tan_half_width=0.72,
        light=np.array([-1.1, -1.3, 0.5]),
        ambient=0.46,
        lamp=1.35,
        reach_m=2.6,
        lamp_radius_m=0.14,
    )
