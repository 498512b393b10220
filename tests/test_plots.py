"""The figure style and the seeds band."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tdyn import plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_band_is_median_and_range():
    values = np.random.default_rng(0).normal(size=(7, 5))
    _, axis = plots.figure()
    plots.band(axis, np.arange(7), values, "seeds", color="orange")
    np.testing.assert_allclose(axis.lines[0].get_ydata(), np.median(values, axis=1))
    corners = axis.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(values.min())
    assert corners[:, 1].max() == pytest.approx(values.max())
    assert axis.lines[0].get_color() == plots.COLORS["orange"]


def test_band_wants_time_by_seeds():
    _, axis = plots.figure()
    with pytest.raises(ValueError, match=r"\(3, seeds\)"):
        plots.band(axis, np.arange(3), np.zeros((5, 3)), "wrong")


def test_figures_are_opaque():
    fig, axes = plots.figure(2, 2)
    assert axes.shape == (2, 2)
    assert fig.get_facecolor() == (1, 1, 1, 1)


def test_palette_is_told_apart_in_gray():
    """Blue, orange, green, sky and amber differ in luminance or in hue for every reader."""
    rgb = {k: np.array([int(v[i : i + 2], 16) for i in (1, 3, 5)]) for k, v in plots.COLORS.items()}
    names = list(rgb)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert np.abs(rgb[a] - rgb[b]).max() > 60, (a, b)
