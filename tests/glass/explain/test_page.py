"""The page of a pass holds its numbers, says where it cuts them, and needs no other file."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, tree
from clearprop.errors import RunError
from clearprop.glass.explain import Glass, explain
from clearprop.glass.explain.page import BYTES, details, groups, largest_drop
from clearprop.glass.explain.sample import FRACTIONS, layouts, sampled
from clearprop.glass.wording import number
from tests.glass.page import read


def drawn(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def small() -> Glass:
    model = nn.Sequential([nn.Linear(2, 3), "tanh", nn.Linear(3, 1)]).init(0)
    return explain(model, jnp.array([[0.35, 0.9]]), jnp.array([[0.5]]), "squared_error")


@pytest.fixture(scope="module")
def pictures() -> Glass:
    layers = [nn.Conv2d(1, 3, 3), "relu", nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2)]
    model = nn.Sequential(layers).init(0)
    return explain(model, drawn(2, 8, 8, 1), np.array([0, 1]))


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_page_begins_where_the_error_signal_drops_most() -> None:
    model = nn.Sequential([nn.Linear(2, 3), "sigmoid", nn.Linear(3, 3), "tanh", nn.Linear(3, 1)])
    model = tree.replace(model.init(0), {"layers.2.weight": 1e-3 * np.ones((3, 3), np.float32)})
    glass = explain(model, jnp.array([[0.35, 0.9]]), jnp.array([[0.5]]), "squared_error")
    drop = largest_drop(groups(glass))
    assert drop is not None
    assert drop.layer.path == "layers.2"
    after, before = (glass[name].error_summary.size for name in ("layers.1/sigmoid",
                                                                 "layers.2/add"))  # fmt: skip
    assert (drop.before, drop.after) == (before, after)
    page = glass.to_html()
    assert 'data-opened="layers.2/add"' in page
    assert f"from {number(before)} to {number(after)}" in page
    assert 'data-opened="layers.0/matmul"' in glass.to_html(opened="layers.0/matmul")
    flat = nn.Sequential([nn.Linear(1, 1, bias=False)]).init(0)
    grows = explain(tree.replace(flat, {"layers.0.weight": np.full((1, 1), 2.0, np.float32)}),
                    jnp.ones((1, 1)), jnp.array([[0.5]]), "squared_error")  # fmt: skip
    assert largest_drop(groups(grows)) is None
    assert 'data-opened="loss/' in grows.to_html()


def test_terms_are_explained_and_the_panel_folds(small: Glass) -> None:
    text = small.to_html()
    page, faults = read(text)
    assert faults == []
    for term in page.all("span", "term"):
        entry = page.by_id(term.attributes["aria-describedby"])
        assert entry is not None
        assert term.all("span", "meaning")[0].text == entry.text
    assert ".panel.ready:not(.open) > :not(.panel-head) { display: none; }" in text


def test_the_page_holds_every_node_with_its_numbers(small: Glass) -> None:
    page = small.to_html(title="a <small> one")
    data = embedded(page)
    assert [node["name"] for node in data["nodes"]] == [node.name for node in small]
    for node, shown in zip(small, data["nodes"], strict=True):
        for kept, array in (("value", node.value), ("error", node.error)):
            numbers = shown[kept]["panels"][0]["numbers"]
            np.testing.assert_allclose(numbers, np.ravel(array), rtol=1e-3)
        assert [i["node"] for i in shown["inputs"] if "node" in i] == [
            x.index for x in node.inputs if x in small.nodes
        ]
    tanh = data["nodes"][small["layers.1"].index]
    local = tanh["inputs"][0]["local"]["panels"][0]["numbers"]
    np.testing.assert_allclose(local, np.ravel(1 - small["layers.1"].value ** 2), rtol=1e-3)
    matmul = data["nodes"][small["layers.0/matmul"].index]["inputs"][0]
    passed = matmul["passed"]["panels"][0]["numbers"]
    np.testing.assert_allclose(passed, np.ravel(small["layers.0/matmul"].passed(0)), rtol=1e-3)
    assert "agrees" in data["nodes"][0]["check"]
    assert "layers.0.weight" in data["nodes"][0]["why"]
    assert "forward" in tanh["equations"]
    assert "a &lt;small&gt; one" in page


def test_the_page_is_sound_and_needs_nothing(small: Glass, tmp_path: Path) -> None:
    path = small.to_html(tmp_path / "glass.html")
    page = path.read_text("utf-8")
    root, faults = read(re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert faults == []
    boxes = [b for b in root.all("button") if "data-node" in b.attributes]
    assert sorted(int(b.attributes["data-node"]) for b in boxes) == list(range(len(small)))
    reached = [b.attributes["tabindex"] for b in boxes].count("0")
    assert reached == len(groups(small))  # once for each layer, by the tab key
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page)
    assert "innerHTML" not in page
    with pytest.raises(RunError):
        small.to_html(tmp_path / "nowhere" / "glass.html")


def test_a_name_cannot_end_the_script(small: Glass) -> None:
    class Odd(nn.Module):
        inner: nn.Linear

        def __call__(self, x: Any) -> Any:
            return self.inner(x["</script><b>"])

    x = {"</script><b>": drawn(1, 2)}
    page = explain(Odd(nn.Linear(2, 1)).init(0), x, drawn(1, 1), "squared_error").to_html()
    assert page.count("</script>") == 2
    assert any("</script>" in node["name"] for node in embedded(page)["nodes"])
    assert html.escape("</script><b>") in page


def test_pictures_are_shown_by_channel_and_kernels_by_filter(pictures: Glass) -> None:
    known = layouts(pictures.nodes)
    assert known[pictures["input"].index] == "picture"
    assert known[pictures["layers.0.weight"].index] == "kernel"
    assert known[pictures["layers.1"].index] == "picture"
    assert pictures["layers.4"].index not in known
    data = details(pictures)
    shown = data["nodes"][pictures["layers.0"].index]["value"]
    assert shown["cut"] == "[0, :, :, :]"
    value = np.asarray(pictures["layers.0"].value)
    assert len(shown["panels"]) == 3
    for channel, panel in enumerate(shown["panels"]):
        fractions = np.frombuffer(base64.b64decode(panel["fractions"]), "<i2")
        expected = value[0, :, :, channel].ravel()
        largest = np.abs(value).max()
        np.testing.assert_allclose(fractions / FRACTIONS * largest, expected, atol=1e-4 * largest)


def test_what_is_no_finite_number_is_told() -> None:
    array = np.array([[1.0, np.nan], [np.inf, -np.inf]])
    assert sampled(array, 100)["panels"][0]["numbers"] == [1.0, "nan", "+inf", "-inf"]
    assert sampled(array, 100)["limit"] == 1
    large = np.full((9, 9), np.nan)
    large[0, :3] = [np.inf, -np.inf, 2.0]
    fractions = np.frombuffer(base64.b64decode(sampled(large, 81)["panels"][0]["fractions"]), "<i2")
    assert fractions[:4].tolist() == [32767, -32767, FRACTIONS, -32768]


@pytest.mark.parametrize("shape", [(), (0,), (5000,), (200, 300), (0, 3), (2, 3, 40, 50, 6)])
def test_an_array_of_any_shape_is_cut_to_its_room(shape: tuple[int, ...]) -> None:
    made = sampled(np.ones(shape), 100)
    assert sum(p["rows"] * p["columns"] for p in made["panels"]) <= 300
    assert bool(made["cut"]) == (np.prod(shape) > 100)


def test_layers_come_in_the_order_of_computation_and_again_where_they_are_used_again() -> None:
    model = models.MLP((2, 3, 3, 2), activation="tanh").init(0)
    glass = explain(model, drawn(1, 2), np.array([0]))
    found = groups(glass)
    paths = [group.path for group in found]
    assert paths[:2] == ["input", "flatten"]
    assert paths[2:6] == ["layers.0", "activation", "layers.1", "activation #2"]
    assert sorted(node.index for group in found for node in group.nodes) == list(range(len(glass)))
    assert all(0 <= group.bar <= 1 for group in found)


def test_a_pass_of_many_nodes_has_a_page_of_bounded_size() -> None:
    layers = [layer for _ in range(60) for layer in (nn.Linear(300, 300), "relu")]
    model = nn.Sequential(layers).init(0)
    glass = explain(model, drawn(8, 300), drawn(8, 300), "squared_error")
    assert len(glass) > 150
    page = glass.to_html()
    assert len(page) < BYTES + 1_000_000
    assert not embedded(page)["whole"]
    root, _ = read(re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert root.all("details", "part")
    assert "and 62 more layers" in glass._repr_html_()


def test_a_notebook_shows_a_row_a_layer(small: Glass) -> None:
    shown = small._repr_html_()
    root, faults = read(shown)
    assert faults == []
    assert [row.all("code")[0].text for row in root.all("tbody")[0].all("tr")] == [
        "input", "layers.0", "layers.1", "layers.2", "loss"
    ]  # fmt: skip
    assert "<script" not in shown
    assert len(shown) < 10_000
