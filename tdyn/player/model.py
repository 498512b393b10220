"""What a panel is made of: layers of arrays, and axes for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layer", "Panel", "to_array"]

Limits = Sequence[float | int]


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
    xticks: Sequence[tuple[float | int, str]] | None = None
    yticks: Sequence[tuple[float | int, str]] | None = None
    height: int = 280

    def __post_init__(self) -> None:
        """Check scales and limits.

        Raises:
            TypeError: a layer is not a `Layer`.
            ValueError: no layers, an unknown scale, limits that are not two different numbers, or
                a logarithmic scale with numbers that are not positive.
        """
        layers = tuple(self.layers)
        object.__setattr__(self, "layers", layers)
        if not layers:
            raise ValueError(f"panel {self.title!r} has no layers")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"a panel holds layers (line, points, ...), got {type(layer).__name__}"
                )
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
        parts = [
            np.ravel(layer.arrays[key])
            for layer in self.layers
            for key in layer.arrays
            if key.startswith(axis)
        ]
        for layer in self.layers:
            if axis + "span" in layer.options:
                parts.append(np.asarray(layer.options[axis + "span"], dtype=np.float64))
        values = np.concatenate(parts) if parts else np.array([1.0, 2.0])
        return values[np.isfinite(values)]

    def limits(self, axis: str) -> tuple[float, float]:
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
        if (
            images
            and low == min(min(i.options[axis + "span"]) for i in images)
            and (high == max(max(i.options[axis + "span"]) for i in images))
        ):
            upper = axis == "y" and images[0].options["origin"] == "upper"
            return (high, low) if upper else (low, high)
        pad = (0.02 if axis == "x" else 0.05) * (high - low)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            pad = 0.5 if log or low == 0 else 0.1 * abs(low)
        floor = (
            axis == "y"
            and not log
            and low == 0
            and any(layer.kind in ("bars", "band") for layer in self.layers)
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
