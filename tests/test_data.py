"""Data sets: labels by definition, uniformity, and batches as functions of the step."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tdyn import data


@given(st.integers(1, 12), st.integers(0, 50), st.data())
def test_parity_labels(d, n, draw):
    k = draw.draw(st.integers(0, d))
    x, y = data.parity(n, d, k=k, seed=1)
    assert x.shape == (n, d)
    for row, label in zip(x.tolist(), y.tolist(), strict=True):
        assert set(row) <= {-1.0, 1.0}
        assert label == (-1) ** sum(v < 0 for v in row[:k])


def test_parity_is_uniform():
    x, y = data.parity(40000, 6, seed=0)
    assert x.mean(0).abs().max() < 0.025
    assert abs(y.mean()) < 0.025
    counts = torch.bincount(((x < 0).long() * 2 ** torch.arange(6)).sum(1), minlength=64)
    assert ((counts - 625).float() ** 2 / 625).sum() < 120  # chi-square, 63 degrees of freedom


def test_hypercube_is_the_product():
    assert sorted(map(tuple, data.hypercube(4).tolist())) == sorted(
        itertools.product([-1.0, 1.0], repeat=4)
    )


def test_stream_is_a_function_of_the_step():
    batches = data.parity_stream(16, 8, seed=3)
    again = data.parity_stream(16, 8, seed=3)
    other = data.parity_stream(16, 8, seed=4)
    assert all(torch.equal(batches(s)[0], again(s)[0]) for s in (0, 5, 10**6))
    assert not torch.equal(batches(0)[0], other(0)[0])
    # A seed and a step do not trade places: neighbors would otherwise share batches.
    assert not torch.equal(batches(1)[0], other(0)[0])


@given(st.integers(1, 30), st.data())
def test_minibatches_visit_every_sample(n, draw):
    size = draw.draw(st.integers(1, n))
    x = torch.arange(n)
    batches = data.minibatches(x, x, size, seed=0)
    per_epoch = n // size
    for epoch in range(2):
        seen = torch.cat([batches(epoch * per_epoch + i)[0] for i in range(per_epoch)]).tolist()
        assert len(set(seen)) == per_epoch * size
    first = batches(0)[0]
    batches(7 * per_epoch)
    assert torch.equal(batches(0)[0], first)


def test_digits():
    x, y = data.digits()
    assert x.shape == (1797, 64)
    assert x.min() == 0
    assert x.max() == 1
    assert y.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize(
    "make",
    [
        lambda: data.parity(10, 0, seed=0),
        lambda: data.parity(10, 4, k=5, seed=0),
        lambda: data.parity(-1, 4, seed=0),
        lambda: data.parity_stream(0, 4, seed=0),
        lambda: data.hypercube(25),
        lambda: data.minibatches(torch.zeros(4), torch.zeros(4), 5, seed=0),
    ],
)
def test_bad_sizes(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_lengths_must_agree(unchecked):
    with pytest.raises(ValueError, match="has 4 samples, y has 3"):
        data.minibatches(torch.zeros(4), torch.zeros(3), 2, seed=0)
