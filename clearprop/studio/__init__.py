"""The studio: a page in the browser in which networks train and every number can be touched.

The module is a function too: ``cp.studio(...)`` starts the studio; `clearprop.studio.start` says
what it takes. So the function can have the name of the package.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallableModule(ModuleType):
    """This module; a call starts the studio."""

    def __call__(self, *what: Any, **options: Any) -> Any:
        from clearprop.studio.start import studio

        return studio(*what, **options)


sys.modules[__name__].__class__ = _CallableModule
