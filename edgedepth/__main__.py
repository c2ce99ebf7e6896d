"""``python -m edgedepth``."""

from edgedepth.cli import main

main()
