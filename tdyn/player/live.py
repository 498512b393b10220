"""The live form of a figure: ipywidgets that recompute it in place."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from tdyn.player.controls import Slider
from tdyn.player.html import body

if TYPE_CHECKING:
    from tdyn.player.figure import Figure

__all__ = ["panel"]


def panel(figure: Figure) -> Any:
    """Return a box with one widget a control and the figure below.

    The figure is replaced as one piece of HTML, which the script in the page draws before the
    browser paints, in a box of fixed least height: nothing flickers or jumps. A failing
    ``recompute`` shows its error and leaves the controls alive.

    Args:
        figure: a figure with ``recompute`` and controls.

    Returns:
        An ``ipywidgets.VBox``; its last child is the ``HTML`` widget of the figure.
    """
    import ipywidgets as widgets

    wide = {"description_width": "initial"}
    boxes = []
    for control in figure.controls:
        options = list(zip(control.labels, range(len(control.values)), strict=True))
        kind = widgets.SelectionSlider if isinstance(control, Slider) else widgets.ToggleButtons
        extra = {"continuous_update": False} if isinstance(control, Slider) else {}
        boxes.append(kind(options=options, value=control.index, description=control.label,
                          style=wide, **extra))  # fmt: skip
    height = 130 + max(p.height for p in figure.panels)
    view = widgets.HTML(
        body(figure, controls=False), layout=widgets.Layout(min_height=f"{height}px")
    )

    def change(_: Any = None) -> None:
        chosen = {c.name: c.values[b.value] for c, b in zip(figure.controls, boxes, strict=True)}
        assert figure.recompute is not None
        try:
            view.value = body(figure.recompute(**chosen), controls=False)
        except Exception as error:  # shown to the reader: a callback has nowhere to raise to
            view.value = f"<pre>{escape(type(error).__name__)}: {escape(str(error))}</pre>"

    for box in boxes:
        box.observe(change, names="value")
    return widgets.VBox([*boxes, view])
