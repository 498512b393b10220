"""Graphs: the block model against its probabilities, malformed graphs, safe reading of files."""

import io
import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tdyn import data
from tdyn.data import citation, planetoid


def parts(**changes):
    """The pieces of a small good graph, some of them exchanged."""
    good = {
        "x": torch.eye(4),
        "edges": torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]]),
        "y": torch.tensor([0, 1, 0, 1]),
        "train": torch.tensor([0, 1]),
        "val": torch.tensor([2]),
        "test": torch.tensor([3]),
    }
    return good | changes


# ---- the block model ---------------------------------------------------------------------------


def test_edge_probabilities_are_those_of_the_model():
    n, c, d, h = 400, 4, 12.0, 0.65
    inside = c * math.comb(n // c, 2)
    across = math.comb(n, 2) - inside
    p_in, p_out = d * h / (n / c), d * (1 - h) / (n - n / c)
    same, other = [], []
    for seed in range(1000, 1060):
        g = data.csbm(n, c, seed=seed, degree=d, homophily=h, val=20, test=20)
        same.append(int(g.same_class.sum()) // 2)
        other.append(int((~g.same_class).sum()) // 2)
    for found, pairs, p in ((same, inside, p_in), (other, across, p_out)):
        error = math.sqrt(pairs * p * (1 - p))
        assert abs(np.mean(found) - pairs * p) < 4 * error / math.sqrt(60)
        assert 0.7 < np.std(found) / error < 1.35


def test_every_pair_is_equally_likely():
    count = torch.zeros(12, 12)
    for seed in range(500):
        g = data.csbm(12, 2, seed=seed, degree=4.0, homophily=0.5, train=1, val=2, test=2)
        count[tuple(g.edges)] += 1
    same = (torch.arange(12)[:, None] - torch.arange(12)) % 2 == 0
    off = ~torch.eye(12, dtype=torch.bool)
    for mask, p in ((same & off, 4 * 0.5 / 6), (~same, 4 * 0.5 / 6)):
        shares = count[mask] / 500
        assert (shares - p).abs().max() < 5 * math.sqrt(p * (1 - p) / 500)


def test_features_have_the_stated_mean_and_noise():
    g = data.csbm(4000, 4, seed=3, features=16, signal=2.0)
    means = torch.stack([g.x[g.y == c].mean(0) for c in range(4)]) * 4
    assert torch.allclose(means.norm(dim=1), torch.full((4,), 2.0), atol=0.15)
    noise = torch.cat([g.x[g.y == c] * 4 - means[c] for c in range(4)])
    assert abs(noise.std().item() - 1) < 0.01


def test_graph_is_symmetric_sorted_balanced_and_reproducible():
    g, again, other = (data.csbm(seed=s) for s in (5, 5, 6))
    assert torch.equal(g.edges, again.edges)
    assert torch.equal(g.x, again.x)
    assert g.edges.shape != other.edges.shape or not torch.equal(g.edges, other.edges)
    key = g.edges[0] * g.nodes + g.edges[1]
    assert torch.equal(key, key.sort().values)
    assert torch.equal(key, (g.edges[1] * g.nodes + g.edges[0]).sort().values)
    assert (g.edges[0] != g.edges[1]).all()
    assert torch.equal(g.y[g.train].bincount(), torch.full((4,), 20))
    assert data.csbm(seed=0, dtype=torch.float64).x.dtype == torch.float64


def test_a_million_edges_are_drawn():
    g = data.csbm(100_000, 4, seed=0, features=4)
    assert abs(g.edges.shape[1] - 1e6) < 6e3
    assert abs(g.same_class.double().mean().item() - 0.7) < 0.005


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes": 10, "classes": 4}, "multiple"),
        ({"classes": 1}, "multiple"),
        ({"degree": 0.0}, "positive"),
        ({"homophily": 1.2}, "homophily"),
        ({"features": 0}, "positive"),
        ({"train": 0}, "fit into"),
        ({"val": 2000}, "fit into"),
        ({"degree": 900.0}, "too large"),
    ],
)
def test_bad_numbers_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        data.csbm(seed=0, **change)


# ---- malformed graphs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": torch.tensor([[0, 4], [1, 0]])}, "nodes from 0 to 4"),
        ({"edges": torch.tensor([[0, -1], [1, 0]])}, "nodes from -1"),
        ({"edges": torch.tensor([[0, 1, 0], [1, 0, 1]])}, "1 are listed again"),
        ({"x": torch.full((4, 4), math.nan)}, "NaN or infinite"),
        ({"x": torch.full((4, 4), math.inf)}, "16 entries"),
        ({"y": torch.tensor([0, 2, 0, 2])}, r"class \[1\]"),
        ({"y": torch.tensor([-1, -1, -1, -1])}, "some must be known"),
        ({"y": torch.tensor([0, 1, -2, 0])}, "or -1"),
        ({"y": torch.tensor([0, 1, -1, 0])}, "val has nodes whose class is unknown"),
        ({"val": torch.empty(0, dtype=torch.long)}, "val must be a list of at least one"),
        ({"test": torch.tensor([4])}, "outside 0 to 3"),
        ({"test": torch.tensor([2])}, "shares one"),
        ({"train": torch.tensor([0, 0])}, "repeats"),
    ],
)
def test_malformed_graphs_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        data.Graph(**parts(**change))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": torch.tensor([0.0, 1.0, 0.0, 1.0])}, TypeError, "y must hold integers"),
        ({"x": torch.ones(4, 4, dtype=torch.long)}, TypeError, "floating point"),
        ({"train": torch.tensor([True, False])}, TypeError, "train must hold integers"),
        ({"edges": torch.tensor([[0.0], [1.0]])}, TypeError, "edges must hold integers"),
        ({"edges": torch.tensor([[0], [1], [2]])}, ValueError, r"shape \(2, edges\)"),
        ({"y": torch.tensor([0, 1])}, ValueError, "one class a node"),
        ({"x": torch.ones(4)}, ValueError, "matrix"),
    ],
)
def test_wrong_types_and_shapes_are_refused(unchecked, change, error, message):
    with pytest.raises(error, match=message):
        data.Graph(**parts(**change))


def test_a_graph_may_have_loops_isolated_nodes_and_unknown_classes():
    g = data.Graph(
        torch.eye(5), torch.tensor([[0, 1], [0, 0]]), torch.tensor([0, 1, 1, 0, -1]),
        torch.tensor([0]), torch.tensor([1]), torch.tensor([2]),
    )  # fmt: skip
    assert g.same_class.tolist() == [True, False]
    assert g.classes == 2


def test_edges_between_unknown_classes_are_not_of_one_class():
    y = torch.tensor([0, 1, 0, 1, -1, -1])
    edges = torch.tensor([[4, 5, 0, 2], [5, 4, 4, 0]])
    g = data.Graph(torch.eye(6), edges, y, *torch.tensor([[0], [1], [2]]))
    assert g.same_class.tolist() == [False, False, False, True]


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=6))
def test_rows_sum_to_one_or_zero(rows):
    counts = torch.tensor(rows, dtype=torch.float64)
    normal = data.row_normalize(counts)
    assert torch.allclose(normal.sum(1), (counts.sum(1) > 0).double())
    assert torch.allclose(normal * counts.sum(1, keepdim=True), counts)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_counts_must_be_counts(bad):
    with pytest.raises(ValueError, match="1 entries are not"):
        data.row_normalize(torch.tensor([[1.0, bad]]))


# ---- citation graphs ---------------------------------------------------------------------------


def contents(seed=0):
    """Arrays of a small data set in the layout of the files, with two unlabeled nodes."""
    rng = np.random.default_rng(seed)
    n, width, classes = 700, 30, 2
    on = np.argwhere(rng.random((n, width)) < 0.2)
    index = np.setdiff1d(np.arange(600, n), [650, 651])
    on = on[~np.isin(on[:, 0], [650, 651])]
    pairs = sorted(
        {(int(min(p)), int(max(p))) for p in rng.integers(0, n, (900, 2)) if p[0] != p[1]}
    )
    labels = rng.integers(0, classes, n)
    labels[[650, 651]] = -1
    return {
        "feat_row": on[:, 0], "feat_col": on[:, 1], "edges": np.array(pairs).T, "labels": labels,
        "train_idx": np.arange(40), "val_idx": np.arange(40, 540), "test_idx": index,
        "shape": np.array([n, width, classes]),
    }  # fmt: skip


def raw_files(c, protocol=2):
    """The same as Planetoid files: pickles of scipy matrices, with shuffled test nodes."""
    n, width, classes = c["shape"]
    words = np.zeros((n, width), dtype=np.float32)
    words[c["feat_row"], c["feat_col"]] = 1
    onehot = np.eye(classes, dtype=np.int32)[c["labels"]] * (c["labels"] >= 0)[:, None]
    order = np.random.default_rng(1).permutation(c["test_idx"])
    graph = {int(u): [] for u in range(n)}
    for u, v in c["edges"].T:
        graph[int(u)].append(int(v))
        graph[int(v)] += [int(u), int(v)]  # loops and repetitions occur in the real files
    objects = {
        "allx": scipy.sparse.csr_matrix(words[:600]), "ally": onehot[:600],
        "tx": scipy.sparse.csr_matrix(words[order]), "ty": onehot[order], "graph": graph,
    }  # fmt: skip
    raw = {k: pickle.dumps(v, protocol=protocol) for k, v in objects.items()}
    return raw | {"test.index": "\n".join(map(str, order)).encode()}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_conversion_restores_the_arrays(protocol):
    wanted = contents()
    found = planetoid.convert(raw_files(wanted, protocol))
    assert citation.digest(found) == citation.digest(wanted)


def test_old_module_names_are_understood():
    raw = raw_files(contents())
    for new, old in ((b"scipy.sparse._csr", b"scipy.sparse.csr"),
                     (b"numpy._core.multiarray", b"numpy.core.multiarray")):  # fmt: skip
        raw = {
            k: v if k == "test.index" else v.replace(b"c" + new, b"c" + old) for k, v in raw.items()
        }
    assert b"scipy.sparse.csr\n" in raw["allx"]
    assert b"numpy.core.multiarray\n" in raw["ally"]
    assert citation.digest(planetoid.convert(raw)) == citation.digest(contents())


class _Evil:
    def __reduce__(self):
        return os.system, ("echo executed > executed",)


@pytest.mark.parametrize(
    "thing", [_Evil(), eval, getattr, io.BytesIO], ids=lambda t: type(t).__name__
)
def test_code_in_a_file_is_refused(thing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        planetoid.convert(raw_files(contents()) | {"graph": pickle.dumps([thing])})
    assert not (tmp_path / "executed").exists()


def test_bytes_with_another_encoding_are_refused():
    payload = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R."
    with pytest.raises(pickle.UnpicklingError, match="latin1"):
        planetoid.convert(raw_files(contents()) | {"graph": payload})


def test_missing_raw_files_are_named():
    raw = raw_files(contents())
    del raw["ty"]
    with pytest.raises(ValueError, match="'ty'"):
        planetoid.convert(raw)


def test_digest_sees_every_number_but_not_the_type():
    base = contents()
    assert citation.digest({k: v.astype("int16") for k, v in base.items()}) == citation.digest(base)
    for key in citation.FIELDS:
        changed = {k: v.copy() for k, v in base.items()}
        changed[key].flat[0] += 1
        assert citation.digest(changed) != citation.digest(base)
    transposed = base | {"edges": base["edges"].reshape(-1, 2)}
    assert citation.digest(transposed) != citation.digest(base)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data folder, an empty cache, and a known digest for the small data set."""
    monkeypatch.delenv("TDYN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(citation.DIGESTS, "cora", citation.digest(contents()))
    return tmp_path


def test_without_the_data_both_ways_are_named(nowhere):
    with pytest.raises(FileNotFoundError, match=r"TDYN_DATA.*cora\.npz.*download=True"):
        data.citation_graph("cora")
    with pytest.raises(ValueError, match="one of"):
        data.citation_graph("pubmed")


class _Answer(io.BytesIO):
    """What the network would answer."""


def answers(raw, asked):
    def urlopen(url, timeout):
        asked.append(url)
        assert url.startswith("https://github.com/")
        assert timeout > 0
        return _Answer(raw[url.split("ind.cora.")[1]])

    return urlopen


def test_download_is_converted_checked_and_kept(nowhere, monkeypatch):
    asked = []
    monkeypatch.setattr(planetoid.urllib.request, "urlopen", answers(raw_files(contents()), asked))
    graph = data.citation_graph("cora", download=True)
    assert len(asked) == 6
    assert graph.nodes == 700
    assert torch.allclose(graph.x.sum(1), (graph.x.sum(1) > 0).float())
    again = data.citation_graph("cora")
    assert len(asked) == 6
    assert torch.equal(graph.edges, again.edges)


def test_a_wrong_download_is_refused_and_not_kept(nowhere, monkeypatch):
    raw = raw_files(contents(seed=1))
    monkeypatch.setattr(planetoid.urllib.request, "urlopen", answers(raw, []))
    with pytest.raises(ValueError, match="the download is not cora"):
        data.citation_graph("cora", download=True)
    assert list(Path(nowhere).rglob("*.npz")) == []
    monkeypatch.setattr(planetoid, "LIMIT", 10)
    with pytest.raises(ValueError, match="more than 10 bytes"):
        planetoid.fetch("cora")


def test_a_changed_file_is_refused(nowhere, monkeypatch):
    monkeypatch.setenv("TDYN_DATA", str(nowhere))
    np.savez(nowhere / "cora.npz", **contents(seed=2))
    with pytest.raises(ValueError, match="SHA-256"):
        data.citation_graph("cora")
    np.savez(nowhere / "cora.npz", edges=contents()["edges"])
    with pytest.raises(ValueError, match=r"lacks .*feat_row"):
        data.citation_graph("cora")


def test_a_pickle_inside_the_file_is_not_opened(nowhere, monkeypatch):
    monkeypatch.setenv("TDYN_DATA", str(nowhere))
    np.savez(nowhere / "cora.npz", **(contents() | {"labels": np.array([_Evil()], dtype=object)}))
    with pytest.raises(ValueError, match="allow_pickle"):
        data.citation_graph("cora")


@pytest.fixture(params=["cora", "citeseer"])
def real(request):
    """A real citation graph, where the data are."""
    try:
        return request.param, data.citation_graph(request.param)
    except FileNotFoundError:
        pytest.skip("set TDYN_DATA to run the tests on citation graphs")


def test_real_graphs_have_their_known_numbers(real):
    name, g = real
    known = {
        "cora": (2708, 1433, 7, 5278, 0.8100, 0, 140),
        "citeseer": (3327, 3703, 6, 4552, 0.7351, 15, 120),
    }
    nodes, features, classes, edges, same, unknown, train = known[name]
    assert g.x.shape == (nodes, features)
    assert g.classes == classes
    assert g.edges.shape[1] == 2 * edges
    assert round(g.same_class.double().mean().item(), 4) == same
    assert int((g.y < 0).sum()) == unknown
    assert [len(p) for p in (g.train, g.val, g.test)] == [train, 500, 1000]
    assert torch.allclose(g.x.sum(1), (g.x.sum(1) > 0).float(), atol=1e-5)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_block_graphs_are_always_well_formed(seed):
    g = data.csbm(24, 3, seed=seed, degree=3.0, homophily=0.5, train=2, val=6, test=6)
    assert g.edges.min() >= 0
    assert int(g.edges.max()) < 24
