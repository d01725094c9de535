"""Tensors and loaders of PyTorch as data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import ClearpropError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

X = np.random.default_rng(0).normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(np.int64)


def fitted(*data: Any, **options: Any) -> Any:
    return cp.fit(nn.Linear(4, 2), *data, progress=False, **{"epochs": 2, **options})


def test_tensors_train_bit_for_bit_as_arrays_do() -> None:
    plain = fitted(X, Y, dev=(X, Y))
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y)
    for inputs, targets in ((x, y), (x.float(), y.int()), (list(x), list(y)), (x.T.clone().T, y)):
        run = fitted(inputs, targets, dev=(inputs, targets))
        np.testing.assert_array_equal(run.losses, plain.losses)
        np.testing.assert_array_equal(run.predict(inputs), plain.predict(X))
        assert run.evaluate((inputs, targets)).error == plain.evaluate((X, Y)).error
        assert cp.diagnose(run, (inputs, targets)).checked
    np.testing.assert_array_equal(cp.predict(plain.model, x), plain.predict(X))
    assert fitted(x.bfloat16(), y).predict(x.bfloat16()).shape == (40, 2)


@pytest.mark.parametrize(
    "change", [lambda y: y.float(), lambda y: y[:, None], lambda y: y == 1, lambda y: y.double()]
)
def test_labels_of_another_type_have_a_mend_that_works(change: Any) -> None:
    y = change(torch.tensor(Y))
    with pytest.raises(ClearpropError) as caught:
        fitted(torch.tensor(X), y)
    scope: dict[str, Any] = {"y": y, "np": np}
    exec(caught.value.fix or "", scope)
    np.testing.assert_array_equal(fitted(X, scope["y"]).losses, fitted(X, Y).losses)


def test_pictures_with_channels_first_have_a_mend_that_works() -> None:
    x = torch.rand(8, 3, 6, 5, requires_grad=True)
    net = nn.Sequential([nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(24, 2)])
    with pytest.raises(ClearpropError) as caught:
        cp.fit(net, x, Y[:8], progress=False)
    scope: dict[str, Any] = {"x": x, "np": np}
    exec(caught.value.fix or "", scope)
    np.testing.assert_array_equal(scope["x"], x.detach().permute(0, 2, 3, 1).numpy())


def test_sparse_tensors_have_a_mend_that_works() -> None:
    x = torch.tensor(X).to_sparse()
    with pytest.raises(ClearpropError) as caught:
        fitted(x, Y)
    scope: dict[str, Any] = {"x": x}
    exec(caught.value.fix or "", scope)
    np.testing.assert_array_equal(fitted(scope["x"], Y).losses, fitted(X, Y).losses)


def test_a_loader_is_read_once_in_every_epoch() -> None:
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)
    run = fitted(loader, dev=torch.utils.data.DataLoader(data, batch_size=7), epochs=20)
    assert len(run.losses) == 20 * 3
    assert run.history.objective[-1] < run.history.objective[0]
    assert run.history.development_error[-1] == run.evaluate((X, Y)).error
    assert run.evaluate(loader).error == run.evaluate((X, Y)).error
    in_order = torch.utils.data.DataLoader(data, batch_size=16)
    np.testing.assert_array_equal(run.predict(in_order), run.predict(X))
    same = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 40, 16)]
    np.testing.assert_array_equal(fitted(in_order).losses, fitted(same).losses)


def test_a_data_set_of_pytorch_is_answered_with_its_loader() -> None:
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    with pytest.raises(ClearpropError) as caught:
        fitted(data)
    scope: dict[str, Any] = {"data": data, "torch": torch}
    exec(caught.value.fix or "", scope)
    assert fitted(scope["data"]).losses.size == 2 * 2


def test_a_loader_of_floats_as_labels_has_a_mend_that_works() -> None:
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y).float())
    loader = torch.utils.data.DataLoader(data, batch_size=16)
    with pytest.raises(ClearpropError) as caught:
        fitted(loader)
    scope: dict[str, Any] = {"data": loader, "np": np}
    exec(caught.value.fix or "", scope)
    assert fitted(scope["data"]).losses.size == 2 * 3
