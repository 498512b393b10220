"""What the reader moves and reads: sliders, toggles and readouts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Control", "Readout", "Slider", "Toggle", "apply_format", "check_name"]

Format = str | Callable[[Any], str]


def check_name(name: object, what: str) -> None:
    """Raise unless the name can be an HTML id: a letter, then letters, digits, ``-`` or ``_``.

    Args:
        name: the name.
        what: what it names, for the message.

    Raises:
        TypeError: the name is not a string.
        ValueError: the name has other characters.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be a string, got {type(name).__name__}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ValueError(
            f"the name of a {what} must be a letter, then letters, digits, - or _; got {name!r}"
        )


def apply_format(value: Any, form: Format, unit: str = "") -> str:
    """Format one value; minus signs become the typographic minus.

    Args:
        value: a number or a string.
        form: a format specification such as ``".2f"``, or a function from value to text.
        unit: text put behind the value.

    Returns:
        The text.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if callable(form):
        text = form(value)
    elif isinstance(value, str):
        text = value
    elif isinstance(value, float) and np.isnan(value):
        text = "–"
    else:
        text = re.sub(r"e([+-]\d+)$", _power, format(value, form)).replace("-", "−")
    return text + (unit if unit in ("", "°", "%") else f"\N{NO-BREAK SPACE}{unit}")


def _power(match: re.Match[str]) -> str:
    """Write an exponent as a power of ten.

    Args:
        match: an exponent such as ``e-06``.

    Returns:
        The power, such as ``·10⁻⁶``.
    """
    return "·10" + str(int(match[1])).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


@dataclass(frozen=True, eq=False)
class Control:
    """A choice among values; see `Slider` and `Toggle`."""

    name: str
    label: str
    values: Any
    format: Format = ""
    unit: str = ""
    start: Any = None

    def __post_init__(self) -> None:
        """Check the arguments before any work.

        Raises:
            TypeError: the label is not a string.
            ValueError: fewer than two values, or ``start`` is not one of them.
        """
        check_name(self.name, "control")
        if not isinstance(self.label, str) or not self.label.strip():
            raise TypeError(f"control {self.name!r} needs a label, got {self.label!r}")
        values: Any = self.values
        if hasattr(values, "tolist"):
            values = values.tolist()
        object.__setattr__(self, "values", tuple(values))
        if len(self.values) < 2:
            raise ValueError(
                f"control {self.name!r} needs at least two values, got {len(self.values)}"
            )
        if self.start is not None and self.start not in self.values:
            raise ValueError(f"start={self.start!r} is not one of the values of {self.name!r}")

    @property
    def labels(self) -> list[str]:
        """The values as the reader sees them."""
        return [apply_format(value, self.format, self.unit) for value in self.values]

    @property
    def index(self) -> int:
        """The index of the value shown first."""
        return 0 if self.start is None else self.values.index(self.start)


@dataclass(frozen=True, eq=False)
class Slider(Control):
    """A slider over the given values, in their order.

    Args:
        name: the name used in ``over=``.
        label: what the reader sees.
        values: numbers or strings, at least two.
        format: a format specification (``".2f"``) or a function from value to text.
        unit: text put behind the value.
        start: the value shown first; the first one by default.
        play: give the slider a Play button. Nothing ever plays by itself.

    Example:
        >>> Slider("sigma", "Noise σ", [0.0, 0.5, 1.0], format=".1f", start=0.5).labels
        ['0.0', '0.5', '1.0']
    """

    play: bool = True


@dataclass(frozen=True, eq=False)
class Toggle(Control):
    """A choice among a few named options: radio buttons, or a drop-down list from six on.

    Args:
        name: the name used in ``over=``.
        label: what the reader sees.
        values: the options, usually strings.
        format: as in `Slider`.
        unit: as in `Slider`.
        start: the option chosen first.

    Example:
        >>> Toggle("law", "Initial weights", ["Rademacher", "Gaussian"]).index
        0
    """


@dataclass(frozen=True, eq=False)
class Readout:
    """A named number or text, shown under the controls.

    Args:
        name: what the reader sees.
        values: one value per state, shape = the numbers of values of the controls in ``over``.
        over: the names of the controls.
        format: a format specification or a function from value to text.
        unit: text put behind the value.

    Example:
        >>> Readout("Test accuracy", [0.5, 0.987], over="sigma", format=".2f").texts.tolist()
        ['0.50', '0.99']
    """

    name: str
    values: Any
    over: tuple[str, ...] | str = ()
    format: Format = ".3g"
    unit: str = ""

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            ValueError: the number of axes differs from the number of controls.
        """
        object.__setattr__(
            self, "over", (self.over,) if isinstance(self.over, str) else tuple(self.over)
        )
        if self.texts.ndim != len(self.over):
            raise ValueError(
                f"readout {self.name!r}: values have shape {self.texts.shape}, over={self.over}"
            )

    @property
    def texts(self) -> NDArray[Any]:
        """The values as text, in their shape."""
        values = self.values.detach().cpu() if hasattr(self.values, "detach") else self.values
        array = np.asarray(values)
        texts = [
            apply_format(value, self.format, self.unit) for value in array.reshape(-1).tolist()
        ]
        return np.array(texts, dtype=object).reshape(array.shape)
