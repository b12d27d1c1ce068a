"""The one decorator of compiled functions.

``@kernel`` marks a function that is inlined into other kernels; ``@kernel(entry=True)`` one that Python calls. Both compile
without reference counting (arrays passed between functions otherwise cost increments and decrements: a factor of five) and
without the GIL. Only entries are optimised and made into machine code (see ``linking``), and cached on disk.

Numba's own cache does not notice an edit to an inlined function in another file, so the cache folder of a file's kernels is named by a
hash of that file and everything it imports, the Numba version and the processor.

With ``NUMBA_DISABLE_JIT=1`` kernels run as plain Python: intrinsics have Python bodies, structured arrays get attribute access
and unsigned overflow wraps silently, as in compiled code.
"""

import hashlib
import inspect
import os
import platform
import re
import shutil
import tempfile
from functools import cache, wraps
from pathlib import Path

import numba
import numpy as np

from tickdeck.core.linking import EntryCompiler, InnerCompiler

INTERPRETED = bool(numba.config.DISABLE_JIT)
"""Kernels run as plain Python (``NUMBA_DISABLE_JIT=1``)."""

_KEEP_FOLDERS = 4
_DIGITS = 16


_IMPORT = re.compile(r"^from (tickdeck(?:\.\w+)*) import (\([^)]*\)|.*)|^import (tickdeck(?:\.\w+)*)", re.MULTILINE)
_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def _read(path):
    """A source's text hashed, and the files of the package that it imports."""
    text = path.read_text()
    found = []
    for module, names, plain in _IMPORT.findall(text):
        place = _PACKAGE.joinpath(*(module or plain).split(".")[1:])
        # A name may be a module of its own.
        places = [place, *(place / name for name in re.findall(r"\w+", names))]
        found += [file for at in places for file in (at.with_suffix(".py"), at / "__init__.py") if file.is_file()]
    return hashlib.sha256(text.encode()).digest(), found


def kernel_sources(path):
    """Every file of the package whose edit must invalidate what is compiled from `path`: what it imports, and so on."""
    found, left = set(), [Path(path).resolve()]
    while left:
        source = left.pop()
        if source not in found:
            found.add(source)
            left += _read(source)[1]
    return sorted(found)


def cache_root() -> Path:
    """Folder of all compiled kernels: ``TICKDECK_CACHE_DIR``, else the user's cache folder."""
    named = os.environ.get("TICKDECK_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tickdeck"


def _cpu_name():
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()


def _toolchain():
    """What else must be the same for compiled code to be of use."""
    parts = (numba.__version__, np.__version__, platform.python_version(), platform.machine(), _cpu_name())
    return "\n".join((*parts, os.environ.get("NUMBA_BOUNDSCHECK", "0")))


def _usable_root():
    """The folder of all compiled kernels; a temporary one where it cannot be written."""
    folder = cache_root() / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"tickdeck-{os.getuid() if hasattr(os, 'getuid') else 0}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@cache
def cache_folder(path):
    """Where the kernels of a file are kept: another folder after an edit to it or to anything it imports."""
    digest = hashlib.sha256(_toolchain().encode())
    for source in kernel_sources(path):
        digest.update(_read(source)[0])
    place = Path(path).resolve()
    name = "-".join(place.relative_to(_PACKAGE).with_suffix("").parts) if place.is_relative_to(_PACKAGE) else place.stem
    folder = CACHE_FOLDER / f"{name}-{digest.hexdigest()[:_DIGITS]}"
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    _drop_old(folder, name)
    return folder


def _drop_old(folder, name):
    """Keep the last few folders of a file; older sources are not coming back."""
    others = [path for path in folder.parent.glob(f"{name}-{'?' * _DIGITS}") if path.is_dir() and path != folder]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_KEEP_FOLDERS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


CACHE_FOLDER = None if INTERPRETED else _usable_root()


class _FieldRecord(np.void):
    """A record whose attributes are its fields, also those named like numpy's own attributes (``size``), as in compiled code."""

    def __getattribute__(self, name):
        if name in object.__getattribute__(self, "dtype").names:
            return self[name]
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        self[name] = value


def with_attributes(array):
    """A view of a structured array whose records have their fields as attributes; for interpreted runs."""
    return array.view(np.dtype((_FieldRecord, array.dtype)))


def _interpreted(function):
    """A Python stand-in for an entry: records with attribute access, silent unsigned wrap-around."""

    @wraps(function)
    def call(*args):
        views = [
            with_attributes(arg) if isinstance(arg, np.ndarray) and arg.dtype.names and type(arg) is np.ndarray else arg
            for arg in args
        ]
        with np.errstate(over="ignore", invalid="ignore"):
            return function(*views)

    return call


def _for_kernels_only(made):
    """Make a call from Python an error: without a wrapper it would end the process."""

    def keep(compiled):
        made.overloads[tuple(compiled.signature.args)] = compiled

    def refuse(*args, **kwargs):
        raise TypeError(f"{made.py_func.__name__} is a part of other kernels; Python calls those made with @kernel(entry=True)")

    # What is not entered into Numba's own table is never called from Python: it asks this instead.
    made.add_overload = keep
    made._compile_for_args = refuse
    return made


def kernel(function=None, *, entry=False, rare=False):
    """Compile `function`; see the module's text.

    Parameters
    ----------
    entry : bool
        Python calls it: cached on disk. Otherwise it is inlined into its callers.
    rare : bool
        Off the hot path: called instead of inlined, which keeps the hot loop small and quick to compile.
    """
    if function is None:
        return lambda given: kernel(given, entry=entry, rare=rare)
    if INTERPRETED:
        return _interpreted(function) if entry else function
    if not entry:
        # No wrappers for callers in Python or C: nobody calls these from there, and they were a fifth of the compile time.
        made = numba.njit(
            _nrt=False,
            nogil=True,
            forceinline=not rare,
            no_cpython_wrapper=True,
            no_cfunc_wrapper=True,
            pipeline_class=InnerCompiler,
        )(function)
        return _for_kernels_only(made)
    # The cache locator reads the configuration when the decorator runs: other users of Numba keep their own folder.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder(inspect.getfile(function)))
    try:
        return numba.njit(_nrt=False, nogil=True, cache=True, pipeline_class=EntryCompiler)(function)
    finally:
        numba.config.CACHE_DIR = before
