from __future__ import annotations

import os
import subprocess
import sys

import jax
import pytest

from clearprop import cpu
from clearprop.errors import ConfigurationError

COUNT = "print(len(jax.devices()))"
SETTINGS = (cpu.DEVICES, "XLA_FLAGS", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def in_a_new_process(code: str, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    environment = {**kept, "JAX_PLATFORMS": "cpu", **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_import_changes_nothing() -> None:
    code = (
        "import os; before = dict(os.environ)\n"
        "import clearprop as cp, jax\n"
        "cp.fit, cp.nn, cp.recipes, cp.models, cp.data, cp.glass\n"
        "assert jax.config.values['jax_num_cpu_devices'] == -1 and dict(os.environ) == before\n"
        "print(len(jax.devices()))"
    )
    assert in_a_new_process(code) == "1"


@pytest.mark.parametrize("first", ["", "import jax; "])
def test_every_usable_core_becomes_a_device_up_to_the_cap(first: str) -> None:
    expected = min(cpu.usable_cores(), cpu.MOST_DEVICES)
    code = f"{first}import clearprop as cp; cp.configure_cpu(); import jax; {COUNT}"
    assert in_a_new_process(code) == str(expected)
    assert in_a_new_process(code.replace("cpu()", "cpu(3)")) == "3"


def test_a_number_given_to_jax_is_kept() -> None:
    code = f"import clearprop as cp; cp.configure_cpu(); import jax; {COUNT}"
    assert in_a_new_process(code, JAX_NUM_CPU_DEVICES="5") == "5"
    flag = "--xla_force_host_platform_device_count=4"
    assert in_a_new_process(code, XLA_FLAGS=flag) == "4"


def test_the_command_line_configures_its_own_process_only() -> None:
    begin = "import os, sys, clearprop.cli as cli; sys.argv = ['clearprop', 'data', 'list']; "
    code = (
        "before = dict(os.environ); cli.main(['data', 'list']); assert dict(os.environ) == before"
    )
    in_a_new_process(begin + code)
    in_a_new_process(begin + "import jax; cli.main(); assert len(jax.devices()) == 1")
    code = begin + "cli.main(); print(); print(os.environ['JAX_NUM_CPU_DEVICES'])"
    expected = min(cpu.usable_cores(), cpu.MOST_DEVICES)
    assert in_a_new_process(code).splitlines()[-1] == str(expected)


def test_a_jax_that_is_in_use_is_not_configured_any_more() -> None:
    jax.devices()
    with pytest.raises(ConfigurationError, match="already in use") as caught:
        cpu.configure_cpu(len(jax.devices()) + 1)
    assert "right after the imports" in (caught.value.fix or "")
    cpu.configure_cpu(len(jax.devices()))


@pytest.mark.parametrize("devices", [0, 2.0, True, "2"])
def test_a_number_of_devices_is_a_positive_whole_number(devices: object) -> None:
    with pytest.raises(ConfigurationError, match="whole number of at least 1"):
        cpu.configure_cpu(devices)  # type: ignore[arg-type]


def test_what_the_call_gains_is_said_once() -> None:
    code = (
        "import warnings; from clearprop import cpu; cpu.usable_cores = lambda: 2\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always'); {first}; cpu.tell_once('It is faster')\n"
        "    cpu.tell_once('It is faster')\n"
        "print(*[w.message for w in told])"
    )
    text = in_a_new_process(code.format(first="pass"))
    assert text.startswith("It is faster if `clearprop.configure_cpu()` is called before")
    assert text.count("faster") == 1
    assert in_a_new_process(code.format(first="cpu.configure_cpu()")) == ""
    assert in_a_new_process(code.format(first="pass"), JAX_NUM_CPU_DEVICES="1") == ""


FAULTS = """
import resource
import clearprop.cpu
import jax, jax.numpy as jnp
{configure}
f = jax.jit(lambda x: jnp.tanh(x @ x.T) @ x)  # 64 MiB between the products
x = jnp.ones((4096, 16))
faults = []
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    f(x).block_until_ready()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))
"""
PAGES = 4096 * 4096 * 4 // 4096


@pytest.mark.skipif(not cpu.keep_memory(), reason="the C library is not glibc's own")
def test_the_memory_of_a_call_is_kept_for_the_next() -> None:
    kept = int(in_a_new_process(FAULTS.format(configure="clearprop.cpu.configure_cpu()")))
    given_back = int(in_a_new_process(FAULTS.format(configure="")))
    assert given_back > PAGES / 2
    assert kept < PAGES / 20


@pytest.mark.skipif(not cpu.keep_memory(), reason="the C library is not glibc's own")
def test_memory_that_was_kept_is_returned_where_it_gets_scarce() -> None:
    both = "clearprop.cpu.configure_cpu(); clearprop.cpu.return_memory()"
    assert int(in_a_new_process(FAULTS.format(configure=both))) > PAGES / 2
    code = "import clearprop.cpu as cpu; print(cpu.return_memory(), {}, cpu.return_memory())"
    assert in_a_new_process(code.format("cpu.keep_memory()")) == "False True True"
    assert in_a_new_process(code.format("0")) == "False 0 False"


def test_an_allocator_that_the_user_has_set_up_is_left_alone() -> None:
    code = "import clearprop.cpu as cpu; print(cpu.keep_memory())"
    for name, value in (("MALLOC_ARENA_MAX", "4"), ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")):
        assert in_a_new_process(code, **{name: value}) == "False"
