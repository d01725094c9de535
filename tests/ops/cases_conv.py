"""The cases of convolution and pooling. Second order also tests the operations of their errors."""

from __future__ import annotations

from clearprop import ops
from tests.ops.cases import Draw, Made, case


@case(
    "convolution",
    "convolution_input_error",
    "convolution_kernel_error",
    "convolution_bias_error",
)
def _(d: Draw) -> Made:
    axes, groups = d.choice((1, 1), (1, 2), (2, 1), (3, 1))
    sizes = [d.integer(3, 5) for _ in range(axes)]
    window = [d.integer(1, 3) for _ in range(axes)]
    channels, features = groups * d.integer(1, 2), groups * d.integer(1, 2)
    settings = {
        "stride": d.integer(1, 2),
        "padding": d.choice(0, 1, "same"),
        "groups": groups,
        "formulation": d.choice("auto", "native", *(("tiles", "patches") if groups == 1 else ())),
    }
    if settings["stride"] == 2 and 2 in window and settings["formulation"] in ("auto", "native"):
        # JAX's own gradient of this ends the process; test_conv.py tests ours.
        settings["stride"] = 1
    inputs = [
        d.array((d.integer(1, 2), *sizes, channels)),
        d.array((*window, channels // groups, features)),
        *d.choice([], [d.array((features,))]),
    ]
    return lambda *x: ops.convolution(*x, **settings), inputs


@case("max_pool", "write_in_windows", "read_in_windows")
def _(d: Draw) -> Made:
    shape = (d.integer(1, 2), *(d.integer(3, 5) for _ in range(d.integer(1, 2))), 2)
    window, stride, padding = d.choice((2, None, 0), (3, 2, 1), (2, 1, 0), (3, None, 0))
    return lambda x: ops.max_pool(x, window, stride, padding), [d.array(shape)]


@case("average_pool", "spread_over_windows")
def _(d: Draw) -> Made:
    shape = (d.integer(1, 2), *(d.integer(3, 5) for _ in range(d.integer(1, 2))), 2)
    window, stride, padding = d.choice((2, None, 0), (3, 2, 1), (2, 1, 0), (3, None, 0))
    counted = d.choice(True, False)
    return (
        lambda x: ops.average_pool(x, window, stride, padding, count_padding=counted),
        [d.array(shape)],
    )


@case("stored")
def _(d: Draw) -> Made:
    return ops.stored, [d.array((d.integer(1, 3), 2))]


@case("max_pool", "write_in_windows", "read_in_windows")
def _(d: Draw) -> Made:
    shape = (2, d.integer(3, 6), d.integer(3, 6), 1)
    stride, padding = d.choice(1, 2, 3), d.choice(0, 1)
    dilation, ceil_mode = d.choice(1, (1, 2)), d.choice(True, False)
    return (
        lambda x: ops.max_pool(x, 2, stride, padding, dilation=dilation, ceil_mode=ceil_mode),
        [d.array(shape)],
    )


@case("average_pool", "spread_over_windows")
def _(d: Draw) -> Made:
    shape = (2, d.integer(3, 6), d.integer(3, 6), 1)
    stride, padding = d.choice(1, 2, 3), d.choice(0, 1)
    counted, ceil_mode = d.choice(True, False), d.choice(True, False)
    return (
        lambda x: ops.average_pool(x, 2, stride, padding, counted, ceil_mode=ceil_mode),
        [d.array(shape)],
    )


@case("getitem", "matmul")
def _(d: Draw) -> Made:
    shape = (1, *d.shape(1, 2, side=4), 2)
    sizes = [d.integer(1, 5) for _ in shape[1:-1]]
    method = d.choice("nearest", "nearest-exact", "linear", "cubic")
    corners = not method.startswith("nearest") and d.choice(True, False)
    return lambda x: ops.interpolate(x, sizes, method, corners), [d.array(shape)]
