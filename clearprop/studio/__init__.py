"""The studio: a page in the browser in which networks train and every number can be touched.

The module is a function too: ``cp.studio(...)`` starts the studio; `clearprop.studio.start` says
what it takes. So the function can have the name of the package.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect import Signature


class _CallableModule(ModuleType):
    """This module; a call starts the studio."""

    def __call__(self, *what: Any, **options: Any) -> Any:
        from clearprop.studio.start import studio

        return studio(*what, **options)

    @property
    def __signature__(self) -> Signature:
        """The arguments of the call, as editors show them."""
        import inspect

        from clearprop.studio.start import studio

        return inspect.signature(studio)


def _documentation(module: _CallableModule) -> str:
    """Return what `help` shows above the files of the package: the call and its arguments."""
    import inspect

    from clearprop.studio.start import studio

    return f"{inspect.getdoc(studio)}\n\nThe call: cp.studio{module.__signature__}"


setattr(_CallableModule, "__doc__", property(_documentation))  # noqa: B010 - of its one instance
sys.modules[__name__].__class__ = _CallableModule
