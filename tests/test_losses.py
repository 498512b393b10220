"""Losses against torch.nn.functional and by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tdyn import losses


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 20))
def test_binary_losses_against_torch(seed, members, n):
    g = torch.Generator().manual_seed(seed)
    out = 3 * torch.randn(members, n, 1, generator=g, dtype=torch.float64)
    y = 2.0 * torch.randint(0, 2, (n,), generator=g).double() - 1
    for i in range(members):
        f = out[i, :, 0]
        expected = {
            "hinge": functional.margin_ranking_loss(f, torch.zeros_like(f), y, margin=1.0),
            "logistic": functional.binary_cross_entropy_with_logits(f, (y + 1) / 2),
            "mse": functional.mse_loss(f, y),
            "correlation": -torch.dot(f, y) / n,
            "accuracy": (f * y > 0).double().sum() / n,
        }
        for name, value in expected.items():
            ours = getattr(losses, name)(out, y)[i]
            torch.testing.assert_close(ours, value.double(), rtol=1e-12, atol=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_classes_against_torch(seed, c):
    g = torch.Generator().manual_seed(seed)
    out = torch.randn(3, 8, c, generator=g, dtype=torch.float64)
    y = torch.randint(0, c, (8,), generator=g)
    for i in range(3):
        torch.testing.assert_close(
            losses.cross_entropy(out, y)[i], functional.cross_entropy(out[i], y)
        )
        right = sum(int(o.argmax()) == int(t) for o, t in zip(out[i], y, strict=True)) / 8
        assert losses.accuracy(out, y)[i].item() == pytest.approx(right)


def test_mse_sums_over_outputs():
    assert losses.mse(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2)).item() == 5.0


def test_an_output_of_zero_is_wrong():
    assert losses.accuracy(torch.zeros(4, 1), torch.tensor([1.0, -1, 1, -1])).item() == 0


def test_bad_shapes_are_named(unchecked):
    with pytest.raises(ValueError, match=r"\(\.\.\., n, 1\)"):
        losses.hinge(torch.zeros(4, 2), torch.ones(4))
    with pytest.raises(ValueError, match="y has shape"):
        losses.hinge(torch.zeros(4, 1), torch.ones(5))
    with pytest.raises(ValueError, match="y has shape"):
        losses.mse(torch.zeros(4, 2), torch.ones(4))
    with pytest.raises(TypeError, match="integer classes"):
        losses.cross_entropy(torch.zeros(4, 2), torch.ones(4))
