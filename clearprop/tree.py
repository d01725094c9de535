"""Named trees: every leaf of a model or of an optimizer's state has a dotted path.

``layers.0.weight`` is the name of one array in checkpoints, in patterns of frozen parameters, in
errors and in the glass.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.tree_util import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey, all_leaves

from clearprop.errors import ConfigurationError, ShapeError, nearest, unknown_name

Tree = TypeVar("Tree")


def path_name(keys: Iterable[object]) -> str:
    """Return the dotted name of a JAX key path.

    >>> path_name((GetAttrKey("layers"), SequenceKey(0), GetAttrKey("weight")))
    'layers.0.weight'
    """
    return ".".join(_key_name(key) for key in keys)


def _key_name(key: object) -> str:
    match key:
        case GetAttrKey(name=name):
            return str(name)
        case SequenceKey(idx=index):
            return str(index)
        case DictKey(key=name) | FlattenedIndexKey(key=name):
            return str(name)
    return str(key)


def flatten_with_paths(tree: object) -> dict[str, Any]:
    """Return the leaves of a tree by dotted path, in the order of the tree.

    Raises:
        ConfigurationError: two leaves have the same path.

    >>> flatten_with_paths({"layers": [{"weight": 1, "bias": 2}]})
    {'layers.0.bias': 2, 'layers.0.weight': 1}
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    paths = [path_name(keys) for keys, _ in leaves]
    _check_different(paths)
    return {path: leaf for path, (_, leaf) in zip(paths, leaves, strict=True)}


def _check_different(paths: list[str]) -> None:
    if len(set(paths)) < len(paths):
        raise ConfigurationError(
            "two leaves of a tree have the same path",
            given=repr(Counter(paths).most_common(1)[0][0]),
            fix="use names without dots, and only strings as the keys of a dict",
        )


def leaves_like(tree: object, like: object, what: str, of: str) -> list[Any]:
    """Return the leaves of a tree that must have the structure of another one.

    None may stand in the place of any leaf.

    Args:
        tree: the tree.
        like: the tree that has the structure.
        what: the tree in the message, such as "the vector".
        of: the other tree in the message, such as "the inputs".

    Raises:
        ShapeError: the structures differ: in names, containers or the order of entries.

    >>> leaves_like({"b": 2, "a": None}, {"a": 10, "b": 20}, "the vector", "the inputs")
    [None, 2]
    """
    leaves: list[Any] = []
    try:
        jax.tree.map(lambda _, leaf: leaves.append(leaf), like, tree)
        alike = all(leaf is None or all_leaves([leaf]) for leaf in leaves)
    except (TypeError, ValueError):
        alike = False
    if not alike:
        raise ShapeError(
            f"{what} is not a tree like {of}",
            given=str(jax.tree.structure(tree)),
            expected=str(jax.tree.structure(like)),
            fix=f"make it from {of} with jax.tree.map, which keeps names, containers and order",
        )
    return leaves


def replace(tree: Tree, values: Mapping[str, object]) -> Tree:
    """Return the tree with the named leaves replaced and all other leaves unchanged.

    Raises:
        ConfigurationError: a path is not that of a leaf, or it is that of two.

    >>> replace({"a": 1, "b": [2, 3]}, {"b.1": 7})
    {'a': 1, 'b': [2, 7]}
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    paths = [path_name(keys) for keys, _ in leaves]
    _check_different(paths)
    if unknown := values.keys() - set(paths):
        raise unknown_name("path", min(unknown), paths)
    new_leaves = [values.get(path, leaf) for path, (_, leaf) in zip(paths, leaves, strict=True)]
    replaced: Tree = jax.tree_util.tree_unflatten(structure, new_leaves)
    return replaced


def match(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the paths that match any of the patterns (``*``, ``?``, ``[ab]``), in their order.

    A pattern that matches a path also matches all paths below it: ``trunk`` selects
    ``trunk.0.weight``.

    Raises:
        ConfigurationError: a pattern matches no path.

    >>> match(["trunk.0.weight", "trunk.0.bias", "head.weight"], ["trunk.*.weight", "head"])
    ['trunk.0.weight', 'head.weight']
    """
    known = list(paths)
    selected: set[str] = set()
    for pattern in patterns:
        found = {
            path
            for path in known
            if fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, f"{pattern}.*")
        }
        if not found:
            close = nearest(pattern, known)
            raise ConfigurationError(
                f"the pattern {pattern!r} matches no path",
                expected=f"paths such as {', '.join(known[:8])}" if known else "a tree with leaves",
                fix=f"did you mean {close!r}?" if close else None,
            )
        selected |= found
    return [path for path in known if path in selected]


def is_differentiable(leaf: object) -> bool:
    """Return whether a leaf can have a gradient: a floating-point array or number.

    A complex number cannot, because the gradient rules are for real error signals.

    >>> [is_differentiable(leaf) for leaf in (1.5, 2, jnp.ones(3), jnp.arange(3), "relu")]
    [True, False, True, False, False]
    """
    if isinstance(leaf, bool | int | str):
        return False
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        return isinstance(leaf, float)
    return bool(jnp.issubdtype(dtype, jnp.floating))


def is_complex(leaf: object) -> bool:
    """Return whether a leaf is a complex number or an array of them.

    >>> is_complex(2j), is_complex(2.0), is_complex(jnp.ones(3, complex))
    (True, False, True)
    """
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        return isinstance(leaf, complex)
    return bool(jnp.issubdtype(dtype, jnp.complexfloating))
