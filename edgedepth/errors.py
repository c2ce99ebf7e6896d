"""The one exception the command line turns into a single line for the user."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend: bad input, a missing extra, a full disk.

    Args:
        problem: what is wrong, naming the file or option, without a final full stop.
        advice: what to try next.
    """

    def __init__(self, problem: str, advice: str = "") -> None:
        self.problem = problem
        self.advice = advice
        super().__init__(f"{problem}; {advice}" if advice else problem)
