"""The names of the parameters in a file that clearprop has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

LEARNED = "clearprop.parameters"
"""The entry of a file's metadata with the names of the parameters, one a line."""


def learned_names(proto: onnx.ModelProto) -> frozenset[str] | None:
    """Return the names that a file gives; None where it gives none, as one of another library."""
    for entry in proto.metadata_props:
        if entry.key == LEARNED:
            return frozenset(entry.value.split("\n")) - {""}
    return None
