"""Random graphs whose noise edges are known: the contextual stochastic block model."""

from __future__ import annotations

import math

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from tdyn.data.graph import Graph

__all__ = ["csbm"]


def csbm(
    nodes: int = 1000,
    classes: int = 4,
    *,
    seed: int,
    degree: float = 10.0,
    homophily: float = 0.7,
    features: int = 64,
    signal: float = 1.5,
    train: int = 20,
    val: int = 200,
    test: int = 400,
    dtype: torch.dtype | None = None,
) -> Graph:
    r"""Draw a graph of balanced classes with Gaussian features.

    Two nodes of the same class are joined with probability :math:`p_{\rm in}`, others with
    :math:`p_{\rm out}`, and

    .. math::

        p_{\rm in} = \frac{d\,h}{N/C}, \qquad p_{\rm out} = \frac{d\,(1-h)}{N - N/C}, \qquad
        x_i = \frac{s\,\mu_{y_i} + z_i}{\sqrt F}

    with random unit vectors :math:`\mu_c` and normal :math:`z_i`. So a node has about :math:`d`
    neighbors, a share :math:`h` of them of its own class; the others are noise, and known
    (:attr:`Graph.same_class`). The work grows with the number of edges.

    Args:
        nodes: Number of nodes :math:`N`, a multiple of ``classes``.
        classes: Number of classes :math:`C`, at least 2.
        seed: Source of randomness.
        degree: Mean degree :math:`d`, positive.
        homophily: Share :math:`h` of neighbors of the same class, in [0, 1].
        features: Number of features :math:`F`.
        signal: Distance :math:`s` of the class means from zero, in units of the noise.
        train: Training nodes of each class.
        val: Validation nodes.
        test: Test nodes.
        dtype: Number type of the features.

    Returns:
        The graph; each undirected edge is listed in both directions, ordered by receiver.

    Raises:
        ValueError: If a number is out of range, or the degree needs probabilities above one.

    Example:
        >>> graph = csbm(seed=0)
        >>> graph.nodes, graph.classes, len(graph.train)
        (1000, 4, 80)
        >>> round(graph.same_class.double().mean().item(), 1)
        0.7
    """
    _check(nodes, classes, degree, homophily, features, train, val, test)
    size = nodes // classes
    p_in = degree * homophily / size
    p_out = degree * (1 - homophily) / (nodes - size)
    if max(p_in, p_out) > 1:
        raise ValueError(f"degree {degree} is too large for {nodes} nodes in {classes} classes")
    generator = torch.Generator().manual_seed(seed)
    same = _pairs(nodes, classes, p_in, True, generator)
    other = _pairs(nodes, classes, p_out, False, generator)
    once = torch.cat([same, other], 1)
    both = torch.cat([once, once.flip(0)], 1)
    y = torch.arange(nodes) % classes
    mu = torch.nn.functional.normalize(torch.randn(classes, features, generator=generator), dim=1)
    x = (signal * mu[y] + torch.randn(nodes, features, generator=generator)) / math.sqrt(features)
    # Nodes are exchangeable within their class and classes alternate, so the first ones will do.
    ends = [train * classes, train * classes + val, train * classes + val + test]
    parts = torch.arange(ends[-1]).tensor_split(ends[:2])
    edges = both[:, (both[0] * nodes + both[1]).argsort()]
    return Graph(x.to(dtype or torch.get_default_dtype()), edges, y, *parts)


def _pairs(
    nodes: int, classes: int, p: float, same: bool, generator: Generator
) -> Int[Tensor, "2 pairs"]:
    """Draw each pair of nodes of equal (or different) class with probability ``p``.

    The number of pairs is binomial, and given it all sets of that size are equally likely: random
    pairs are drawn until enough different ones are there.

    Returns:
        Pairs with the smaller node first.
    """
    size = nodes // classes
    inside = classes * size * (size - 1) // 2
    possible = inside if same else nodes * (nodes - 1) // 2 - inside
    draws = torch.binomial(
        torch.tensor(float(possible), dtype=torch.float64),
        torch.tensor(p, dtype=torch.float64),
        generator=generator,
    )
    count, keys = int(draws), torch.empty(0, dtype=torch.long)
    while len(keys) < count:
        i, j = torch.randint(0, nodes, (2, 2 * (count - len(keys)) * classes + 64),
                             generator=generator)  # fmt: skip
        good = (i < j) & ((i % classes == j % classes) == same)
        fresh = i[good] * nodes + j[good]
        keys = torch.cat([keys, fresh]).unique()
    kept = keys[torch.randperm(len(keys), generator=generator)[:count]]
    return torch.stack([kept // nodes, kept % nodes])


def _check(
    nodes: int,
    classes: int,
    degree: float,
    homophily: float,
    features: int,
    train: int,
    val: int,
    test: int,
) -> None:
    if classes < 2 or nodes < 1 or nodes % classes:
        raise ValueError(f"nodes must be a multiple of classes >= 2, got {nodes} and {classes}")
    if not degree > 0 or not 0 <= homophily <= 1 or features < 1:
        raise ValueError(
            "degree and features must be positive and homophily in [0, 1], "
            f"got {degree}, {features} and {homophily}"
        )
    if min(train, val, test) < 1 or train * classes + val + test > nodes:
        raise ValueError(
            f"{train} training nodes of each of {classes} classes, {val} for validation and {test} "
            f"for testing must be positive and fit into {nodes} nodes"
        )
