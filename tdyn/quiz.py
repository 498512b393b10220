"""Bets: predictions that a reader makes before the answer, in a page without a kernel.

Example:
    >>> from tdyn import quiz
    >>> question = quiz.bet(
    ...     "Which initial weights learn full parity?",
    ...     [
    ...         ("Rademacher ±1", "Yes: its first gradient is large.", True),
    ...         ("Gaussian", "Its first gradient is exponentially small.", False),
    ...         ("Both", "One of them sees almost no gradient.", False),
    ...     ],
    ...     name="bet-parity",
    ... )
    >>> html = question.html()        # in a notebook, leave `question` as the last line of the cell
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tdyn.player.controls import check_name
from tdyn.player.html import runtime

__all__ = ["Bet", "bet"]


@dataclass(frozen=True)
class Bet:
    """A question with options; made by `bet`."""

    question: str
    options: tuple[tuple[str, str, bool], ...]
    name: str

    def html(self, *, with_runtime: bool = True) -> str:
        """Return the bet as self-contained HTML.

        Args:
            with_runtime: include the script and the style; one copy a page is enough.

        Returns:
            A ``<fieldset>`` of native radio buttons; the feedback appears in a live region.
        """
        labels = "".join(
            f'<label><input type="radio" name="{self.name}" value="{i}" autocomplete="off">'
            f"<span>{escape(text)}</span></label>"
            for i, (text, _, _) in enumerate(self.options)
        )
        replies = "".join(
            f'<template data-mark="{"right" if correct else "wrong"}">{_reply(feedback, correct)}'
            "</template>"
            for _, feedback, correct in self.options
        )
        still = "".join(
            f"<p>{escape(text)}: {_reply(feedback, correct)}</p>"
            for text, feedback, correct in self.options
        )
        page = (
            f'<fieldset class="tdyn-bet" id="{self.name}"><legend>{escape(self.question)}</legend>'
            f'{labels}<div class="tp-feedback" aria-live="polite">'
            f"<i>Choose one; the reply comes at once.</i></div>{replies}"
            f"<noscript><details><summary>Answers</summary>{still}</details></noscript></fieldset>"
        )
        return page + runtime() if with_runtime else page

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        lines = [self.question, *(f"  ( ) {text}" for text, _, _ in self.options)]
        return {"text/html": self.html(), "text/plain": "\n".join(lines)}


def _reply(feedback: str, correct: bool) -> str:
    kind, word = ("right", "✓ Right.") if correct else ("wrong", "✗ Not quite.")
    return f'<b class="tp-{kind}">{word}</b>{escape(feedback)}'


def bet(question: str, options: Sequence[tuple[str, str, bool]], name: str) -> Bet:
    """Ask for a prediction.

    Args:
        question: the question, plain Unicode.
        options: ``(text, feedback, correct)``, two to six (three is usual), exactly one correct.
        name: id in the page, unique there: a letter, then letters, digits, ``-`` or ``_``.

    Returns:
        An object that a notebook shows as HTML.

    Raises:
        TypeError: an option is not two strings and a bool.
        ValueError: an empty text, equal options, or not exactly one correct option.

    Example:
        >>> bet("1 + 1?", [("2", "Yes.", True), ("3", "Count again.", False)], "sum").name
        'sum'
    """
    check_name(name, "bet")
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"a bet needs a question, got {question!r}")
    for option in options:
        if (
            len(option) != 3
            or not all(isinstance(part, str) for part in option[:2])
            or not isinstance(option[2], bool)
        ):
            raise TypeError(f"an option is (text, feedback, correct), got {option!r}")
        if not option[0].strip() or not option[1].strip():
            raise ValueError(f"an option needs a text and a feedback, got {option!r}")
    if not 2 <= len(options) <= 6:
        raise ValueError(f"a bet has two to six options, got {len(options)}")
    if len({option[0] for option in options}) < len(options):
        raise ValueError("the options must differ")
    if (right := sum(option[2] for option in options)) != 1:
        raise ValueError(f"exactly one option must be correct, got {right}")
    return Bet(question, tuple((text, feedback, ok) for text, feedback, ok in options), name)
