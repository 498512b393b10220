"""What a moving figure is made of: controls, layers, panels and readouts. No drawing here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Control", "Layer", "Panel", "Readout", "Slider", "Toggle", "check_name", "to_array"]

Format = str | Callable[[Any], str]
Limits = tuple[float, float]


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


def to_array(values: Any, what: str) -> NDArray[Any]:
    """Turn a list, array or tensor into a NumPy array of numbers.

    Args:
        values: the values; tensors are detached and moved to the CPU.
        what: what they are, for the message.

    Returns:
        The array in float64.

    Raises:
        TypeError: the values are not real numbers.
        ValueError: there are no values, or none of them is finite.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} must be an array of real numbers: {error}") from None
    if array.size == 0:
        raise ValueError(f"{what} is empty")
    if not np.isfinite(array).any():
        raise ValueError(f"{what} has no finite number")
    return array


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
        text = format(value, form).replace("-", "−")
    return f"{text} {unit}" if unit else text


@dataclass(frozen=True, eq=False)
class Control:
    """A choice among values; see `Slider` and `Toggle`."""

    name: str
    label: str
    values: Sequence[Any]
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
            raise ValueError(f"control {self.name!r} needs at least two values, got {len(self.values)}")
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
class Layer:
    """One drawn thing. Made by `line`, `points` and the other functions of `tdyn.player`."""

    kind: str
    arrays: dict[str, NDArray[Any]]
    natural: dict[str, int]
    over: tuple[str, ...] = ()
    label: str = ""
    color: int | str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the dimensions of the arrays against ``over``.

        Raises:
            ValueError: an array has neither its natural number of axes nor that plus ``over``,
                or no array depends on the controls named in ``over``.
        """
        depends = False
        for key, array in self.arrays.items():
            plain = self.natural[key]
            wanted = {plain, plain + len(self.over)}
            if array.ndim not in wanted:
                raise ValueError(
                    f"{self.kind}: {key} has shape {array.shape}; with over={self.over} it needs "
                    f"{' or '.join(map(str, sorted(wanted)))} axes"
                )
            depends |= bool(self.over) and array.ndim > plain
        if self.over and not depends:
            raise ValueError(
                f"{self.kind}: over={self.over}, but no array has these leading axes "
                "(one point a state has shape (states, 1))"
            )

    def leading(self, key: str) -> int:
        """Return the number of leading axes of an array that the controls index.

        Args:
            key: the name of the array.

        Returns:
            ``len(over)``, or 0 for a static array.
        """
        return len(self.over) if self.arrays[key].ndim > self.natural[key] else 0


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
        object.__setattr__(self, "over", (self.over,) if isinstance(self.over, str) else tuple(self.over))
        if self.texts.ndim != len(self.over):
            raise ValueError(
                f"readout {self.name!r}: values have shape {self.texts.shape}, over={self.over}"
            )

    @property
    def texts(self) -> NDArray[Any]:
        """The values as text, in their shape."""
        values = self.values.detach().cpu() if hasattr(self.values, "detach") else self.values
        array = np.asarray(values)
        texts = [apply_format(value, self.format, self.unit) for value in array.reshape(-1).tolist()]
        return np.array(texts, dtype=object).reshape(array.shape)


@dataclass(frozen=True, eq=False)
class Panel:
    """Axes with layers.

    Args:
        layers: what is drawn, from back to front.
        title: short title above the axes.
        x: label of the horizontal axis, with its unit.
        y: label of the vertical axis, with its unit.
        xlim: limits; by default from the data over **all** states, so that axes do not jump.
            Reversed limits turn the axis around.
        ylim: the same for the vertical axis.
        xscale: ``"linear"`` or ``"log"``.
        yscale: ``"linear"`` or ``"log"``.
        equal: one unit is as long in x as in y.
        legend: show the labels of the layers.
        xticks: ``[(position, text), ...]`` instead of the automatic ticks.
        yticks: the same for the vertical axis.
        height: height of the drawing in pixels.
    """

    layers: Sequence[Layer]
    title: str = ""
    x: str = ""
    y: str = ""
    xlim: Limits | None = None
    ylim: Limits | None = None
    xscale: str = "linear"
    yscale: str = "linear"
    equal: bool = False
    legend: bool = True
    xticks: Sequence[tuple[float, str]] | None = None
    yticks: Sequence[tuple[float, str]] | None = None
    height: int = 280

    def __post_init__(self) -> None:
        """Check scales and limits.

        Raises:
            TypeError: a layer is not a `Layer`.
            ValueError: no layers, an unknown scale, limits that are not two different finite numbers,
                or a logarithmic scale with numbers that are not positive.
        """
        layers = tuple(self.layers)
        object.__setattr__(self, "layers", layers)
        if not layers:
            raise ValueError(f"panel {self.title!r} has no layers")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"a panel holds layers (line, points, ...), got {type(layer).__name__}")
        for axis in "xy":
            scale, limits = getattr(self, f"{axis}scale"), getattr(self, f"{axis}lim")
            if scale not in ("linear", "log"):
                raise ValueError(f"{axis}scale must be 'linear' or 'log', got {scale!r}")
            if limits is not None and (
                len(limits) != 2 or not np.isfinite(limits).all() or limits[0] == limits[1]
            ):
                raise ValueError(f"{axis}lim must be two different finite numbers, got {limits!r}")
            values = self._extent(axis)
            if limits is not None:
                values = np.append(values, limits)
            if scale == "log" and (values <= 0).any():
                raise ValueError(
                    f"panel {self.title!r}: {axis}scale='log' needs positive numbers, "
                    f"the smallest is {values.min():g}"
                )

    def _extent(self, axis: str) -> NDArray[np.float64]:
        """Return all finite positions along one axis, over all states."""
        parts = [np.ravel(layer.arrays[key]) for layer in self.layers
                 for key in layer.arrays if key.startswith(axis)]
        for layer in self.layers:
            if axis + "span" in layer.options:
                parts.append(np.asarray(layer.options[axis + "span"], dtype=np.float64))
        values = np.concatenate(parts) if parts else np.array([1.0, 2.0])
        return values[np.isfinite(values)]

    def limits(self, axis: str) -> Limits:
        """Return the limits of one axis, given or from the data over all states.

        Args:
            axis: ``"x"`` or ``"y"``.

        Returns:
            The two limits, in data units.
        """
        given = getattr(self, f"{axis}lim")
        if given is not None:
            return float(given[0]), float(given[1])
        values = self._extent(axis)
        log = getattr(self, f"{axis}scale") == "log"
        low, high = (float(v) for v in (values.min(), values.max()))
        if log:
            low, high = float(np.log10(low)), float(np.log10(high))
        images = [layer for layer in self.layers if layer.kind == "heatmap"]
        if images and low == min(min(i.options[axis + "span"]) for i in images) and (
            high == max(max(i.options[axis + "span"]) for i in images)
        ):
            upper = axis == "y" and images[0].options["origin"] == "upper"
            return (high, low) if upper else (low, high)
        pad = (0.02 if axis == "x" else 0.05) * (high - low)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            pad = 0.5 if log or low == 0 else 0.1 * abs(low)
        floor = axis == "y" and not log and low == 0 and any(
            layer.kind in ("bars", "band") for layer in self.layers
        )
        low, high = (low if floor else low - pad), high + pad
        return (10**low, 10**high) if log else (low, high)

    def ticks(self, axis: str) -> list[tuple[float, str]] | None:
        """Return the given ticks, or those of bars with names, or None.

        Args:
            axis: ``"x"`` or ``"y"``.

        Returns:
            Positions and texts, or None for automatic ticks.
        """
        given = getattr(self, f"{axis}ticks")
        if given is None and axis == "x":
            given = next((i.options["names"] for i in self.layers if "names" in i.options), None)
        return None if given is None else [(float(p), str(t)) for p, t in given]
