"""The model of steps on many devices: its formulae, beside steps that are compiled for a mesh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from benchmarks.scale_model import (
    INFINIBAND,
    NVLINK,
    Level,
    Link,
    Transfer,
    bytes_of,
    cluster,
    combined,
    predicted,
    ring_seconds,
    seconds_of,
    sent_by,
    separate,
)
from benchmarks.scale_steps import Collective, collectives, ring_share, transfers
from clearprop import nn
from clearprop.models import GPT
from clearprop.training.placement import splits_of

ROOT = Path(__file__).parents[1]

COMPILED = """
import json
import numpy as np
import clearprop as cp
from benchmarks.scale_model import bytes_of, sent_by
from benchmarks.scale_steps import step_in
from clearprop import nn
from clearprop.training.fit_config import FitConfig
from clearprop.training.placement import splits_of

cp.configure_cpu(devices=8)
model = nn.Sequential(nn.Linear(64, 32), "relu", nn.Linear(32, 10)).init(0)
examples = np.ones((32, 64), np.float32), np.arange(32) % 10
weights = nn.parameters(model)
sizes = {path: 4 * x.size for path, x in weights.items()}
found = []
for devices in (2, 8):
    for fully in (False, True):
        mesh = {"data": devices}
        config = FitConfig(model, examples, batch_size=32, dev=0, mesh=mesh, fully_sharded=fully)
        splits = splits_of(model, weights, {"data": devices, "model": 1}, fully=fully)
        step = step_in(config)
        found.append([devices, step.sent["data"], bytes_of(sent_by(sizes, splits), devices)])
print(json.dumps(found))
"""


def test_the_formulae_are_what_compiled_steps_send() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for devices, sent, formula in json.loads(done.stdout.splitlines()[-1]):
        measures = 2 * 4 * ring_share("all-reduce", devices)  # loss and error of the batch
        assert sent == pytest.approx(formula + measures)


def test_collectives_are_read_with_their_arrays() -> None:
    over = Mesh(np.array([jax.devices()[0]] * 8).reshape(8, 1), ("data", "model"))
    sums = "%a = (f32[8,2]{1,0}, f32[]) all-reduce(%b, %c), replica_groups=[1,8]<=[8]"
    part = "%a = f32[4]{0} reduce-scatter(%b), replica_groups=[1,8]<=[8]"
    found = list(collectives(f"{sums}\n{part}", over))
    assert found == [
        Collective("all-reduce", "data", 8, (64, 4)),
        Collective("reduce-scatter", "data", 8, (128,)),
    ]
    assert [one.size for one in transfers(f"{sums}\n{part}", over)] == [68 * 7 / 4, 128 * 7 / 8]
    assert separate(found[:1]) == [Transfer("all-reduce", 64), Transfer("all-reduce", 4)]


def test_a_ring_takes_the_time_of_its_bytes_and_messages() -> None:
    ring = Level(8, Link("", 1e9, 1e-3))
    assert ring_seconds("all-reduce", 8e9, ring) == pytest.approx(14 + 14e-3)
    assert ring_seconds("all-gather", 8e9, ring) == pytest.approx(7 + 7e-3)
    assert ring_seconds("all-gather", 8e9, ring._replace(devices=1)) == 0
    # A short sum goes over a tree: three levels up and down.
    assert seconds_of("all-reduce", 4, [ring]) == pytest.approx(6e-3, rel=1e-3)


def test_a_sum_over_hosts_is_one_of_parts() -> None:
    size = 8e9
    within = 2 * 7 / 8 * size / NVLINK.bandwidth
    between = 2 * 15 / 16 * (size / 8) / INFINIBAND.bandwidth
    found = seconds_of("all-reduce", size, cluster(128))
    assert found == pytest.approx(within + between, rel=0.01)
    assert seconds_of("all-reduce", size, cluster(8)) == pytest.approx(within, rel=0.01)
    gathered, scattered = (
        seconds_of(kind, size, cluster(128)) for kind in ("all-gather", "reduce-scatter")
    )
    assert gathered == scattered == pytest.approx(found / 2, rel=0.01)


def test_both_bounds_of_a_step() -> None:
    link = [Level(2, Link("", 1e9, 0))]
    says = predicted(3.0, [Transfer("all-reduce", 4e9), Transfer("all-reduce", 1e9, True)], link)
    assert says.alone == 3 + 4 + 1
    assert says.overlapped == 1 + 4
    assert says.efficiencies == (3 / 8, 3 / 5)


def test_arrays_that_do_not_divide_are_summed_whole() -> None:
    network = jax.eval_shape(lambda: GPT(97, 16, 48, layers=1, heads=3).init(0))
    weights = nn.parameters(network)
    sizes = {path: 4 * x.size for path, x in weights.items()}
    whole = sum(sizes.values())
    for devices, divides in ((16, True), (1024, False)):
        splits = splits_of(network, weights, {"data": devices, "model": 1}, fully=True)
        sent = sent_by(sizes, splits, scatters=True)
        assert any(one.kind == "all-gather" for one in sent) == divides
        # Gathering and scattering send as much as a sum.
        expected = whole * ring_share("all-reduce", devices)
        assert bytes_of(sent, devices) == pytest.approx(expected)
    assert len(combined("all-reduce", sizes.values())) == 1
