"""Kernels are optimised and made into machine code once: in the entry that they end up in.

Numba does both for every function by itself, with all that it calls linked in, and again for whatever calls that: for a tower of kernels
most of the compile time (for the exchange's engine 40 of 50 s). Here a kernel that Python never calls keeps its plain code, and an
entry links everything below it once, before it is optimised as a whole.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

_numbers = count()


class _WithoutEnvironments:
    """The code generator for a library that is not in memory: it has no environment to be told of, and kernels use none."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def set_env(self, name: str, environment: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)


class InnerLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code of a kernel that only kernels call: to be linked, never to be run from here."""

    _whole: Any = None

    @property
    def codegen(self) -> Any:
        return _WithoutEnvironments(self._codegen)

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def own_module(self) -> Any:
        """Its own code alone."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """With all that it calls: for code that is compiled in the usual way."""
        if self._whole is None:
            self._whole = self.own_module().clone()
            _link(self._whole, _below(self._linking_libraries))
        return self._whole


class EntryLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code of a kernel that Python calls, and of all below it."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        _link(self._final_module, _below(self._linking_libraries))
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()


def _below(libraries: Iterable[Any]) -> list[Any]:
    """Libraries and what they link, each once."""
    found: dict[Any, None] = {}
    left = list(libraries)
    while left:
        library = left.pop()
        if library not in found:
            found[library] = None
            if isinstance(library, InnerLibrary):
                left += library._linking_libraries
    return list(found)


def _link(module: Any, libraries: list[Any]) -> None:
    for library in libraries:
        module.link_in(
            library.own_module() if isinstance(library, InnerLibrary) else library._get_module_for_linking(), preserve=True
        )


class InnerCompiler(Compiler):  # type: ignore[misc]
    """Compiles what only kernels call."""

    library_class: type[JITCodeLibrary] = InnerLibrary

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
        if library is None:
            library = self.library_class(targetctx.codegen(), f"tickdeck.kernel.{next(_numbers)}")
            library.enable_object_caching()
        super().__init__(typingctx, targetctx, library, *rest)


class EntryCompiler(InnerCompiler):
    """Compiles what Python calls."""

    library_class = EntryLibrary
