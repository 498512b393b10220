"""Tables and planar tasks: shapes, splits without leaks, and files that are checked."""

import hashlib
import http.server
import math
import threading

import pytest
import torch

from tdyn import data
from tdyn.data import grains


@pytest.mark.parametrize(
    ("load", "shape", "classes"),
    [(data.iris, (150, 4), 3), (data.wine, (178, 13), 3), (data.breast_cancer, (569, 30), 2)],
)
def test_tables(load, shape, classes):
    x, y = load(torch.float64)
    assert x.shape == shape
    assert x.dtype == torch.float64
    assert y.unique().tolist() == list(range(classes))


def test_splits_are_stratified_standardized_and_do_not_leak():
    x, y = data.wine(torch.float64)
    part = data.splits(x, y, seeds=[3, 4], test=0.25)
    assert part.x.shape == (2, 133, 13)
    assert part.x_test.shape == (2, 45, 13)
    torch.testing.assert_close(part.x.mean(1), torch.zeros(2, 13, dtype=torch.float64))
    torch.testing.assert_close(part.x.std(1, correction=0), torch.ones(2, 13, dtype=torch.float64))
    for i in range(2):
        shares = part.y_test[i].bincount() / 45
        assert (shares - y.bincount() / 178).abs().max() < 0.02
        # Every sample is on exactly one side: undo the scaling and compare with the table.
        both = torch.cat((part.x[i], part.x_test[i]))
        scale = part.x[i].std(0, correction=0) / x.std(0, correction=0)
        assert scale.shape == (13,)
        order = torch.cat((part.y[i], part.y_test[i]))
        assert torch.equal(order.bincount(), y.bincount())
        assert len(both.unique(dim=0)) == len(x.unique(dim=0))
    again = data.splits(x, y, seeds=[4], test=0.25)
    assert torch.equal(again.x[0], part.x[1])
    constant = data.splits(torch.cat((x, torch.ones(178, 1)), 1), y, seeds=[0])
    assert constant.x[..., -1].abs().max() == 0


def test_planar_tasks():
    x, y = data.quadrants(1000, seed=0)
    assert x.abs().max() <= 1
    assert 0.4 < y.double().mean() < 0.6
    for make in (data.moons, data.circles, data.spirals):
        x, y = make(600, seed=1)
        assert x.shape == (600, 2)
        assert y.sum() == 300
        assert torch.equal(x, make(600, seed=1)[0])
        assert not torch.equal(x, make(600, seed=2)[0])
        assert not torch.equal(x, make(600, seed=1, noise=0.3)[0])
    x, y = data.circles(400, seed=0, noise=0.0, inner=0.3)
    torch.testing.assert_close(x.norm(dim=1), torch.where(y == 0, 1.0, 0.3))
    x, y = data.moons(400, seed=0, noise=0.0)
    torch.testing.assert_close(x[y == 0].norm(dim=1), torch.ones(200))
    torch.testing.assert_close((x[y == 1] - torch.tensor([1.0, 0.5])).norm(dim=1), torch.ones(200))
    x, y = data.spirals(400, seed=0, noise=0.0, turns=2.0, dtype=torch.float64)
    arm = x[y == 0]
    angle = torch.atan2(arm[:, 1], arm[:, 0])
    turned = (angle / (2 * math.pi) - 2 * arm.norm(dim=1)).remainder(1)
    assert torch.minimum(turned, 1 - turned).max() < 1e-9


@pytest.mark.parametrize(
    "call",
    [
        lambda: data.quadrants(-1, seed=0),
        lambda: data.moons(5, seed=0),
        lambda: data.moons(6, seed=0, noise=-1.0),
        lambda: data.circles(6, seed=0, inner=1.5),
        lambda: data.spirals(6, seed=0, turns=0.0),
        lambda: data.splits(*data.iris(), seeds=[]),
        lambda: data.splits(*data.iris(), seeds=[0], test=1.0),
    ],
)
def test_bad_input(call):
    with pytest.raises(ValueError, match=r"wanted|must"):
        call()


TABLE = "Area,B,C,D,E,F,G,Class\n" + "\n".join(
    f"{i},1,2,3,4,5,6.5,{'Cammeo' if i < 1630 else 'Osmancik'}" for i in range(3810)
)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A data folder and a cache folder, both empty."""
    monkeypatch.setenv("TDYN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(grains, "DIGEST", hashlib.sha256(TABLE.encode()).hexdigest())
    return tmp_path


def test_rice_from_the_data_folder(places):
    with pytest.raises(FileNotFoundError, match="TDYN_DATA"):
        data.rice()
    (places / "data" / "rice.csv").write_text(TABLE)
    x, y = data.rice(dtype=torch.float64)
    assert x[7].tolist() == [7, 1, 2, 3, 4, 5, 6.5]
    assert y.bincount().tolist() == [1630, 2180]
    (places / "data" / "rice.csv").write_text(TABLE + "\n")
    with pytest.raises(ValueError, match="SHA-256"):
        data.rice()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on this machine in place of the repository: its file, and what it was asked."""
    (tmp_path / "web").mkdir()
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "web"))

        def log_message(self, *args):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        monkeypatch.setattr(grains, "URL", f"http://127.0.0.1:{web.server_port}/data.csv")
        yield tmp_path / "web" / "data.csv", asked
        web.shutdown()


def test_rice_is_downloaded_once_and_checked(places, server):
    file, asked = server
    file.write_text("something else")
    with pytest.raises(ValueError, match="hash"):
        data.rice(download=True)
    assert not list((places / "cache").rglob("rice.csv"))
    file.write_text(TABLE)
    assert data.rice(download=True)[0].shape == (3810, 7)
    assert len(asked) == 2
    assert data.rice()[0].shape == (3810, 7)
    assert len(asked) == 2
