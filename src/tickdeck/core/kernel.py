"""The one decorator of compiled functions.

``@kernel`` marks a function that is inlined into other kernels; ``@kernel(entry=True)`` one that Python calls. Both compile
without reference counting (arrays passed between functions otherwise cost increments and decrements: a factor of five) and
without the GIL. Only entries are cached on disk.

Numba's own cache does not notice an edit to an inlined function in another file, so the cache folder is named by a hash of
every kernel source, the Numba version and the processor.

With ``NUMBA_DISABLE_JIT=1`` kernels run as plain Python: intrinsics have Python bodies, structured arrays get attribute access
and unsigned overflow wraps silently, as in compiled code.
"""

import hashlib
import os
import platform
import shutil
import tempfile
from functools import wraps
from pathlib import Path

import numba
import numpy as np

INTERPRETED = bool(numba.config.DISABLE_JIT)
"""Kernels run as plain Python (``NUMBA_DISABLE_JIT=1``)."""

_KEEP_FOLDERS = 4


def kernel_sources():
    """Every file whose edit must invalidate compiled code."""
    package = Path(__file__).resolve().parent.parent
    files = [*package.glob("*/kernels.py"), *package.glob("*/kernels/*.py"), *(package / "core").glob("*.py")]
    return sorted(files)


def cache_root() -> Path:
    """Folder of all compiled kernels: ``TICKDECK_CACHE_DIR``, else the user's cache folder."""
    named = os.environ.get("TICKDECK_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tickdeck"


def _cpu_name():
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()


def _cache_folder():
    digest = hashlib.sha256()
    for path in kernel_sources():
        digest.update(path.read_bytes())
    for part in (numba.__version__, np.__version__, platform.python_version(), platform.machine(), _cpu_name()):
        digest.update(part.encode())
    digest.update(os.environ.get("NUMBA_BOUNDSCHECK", "0").encode())
    root = cache_root()
    folder = root / "kernels" / digest.hexdigest()[:20]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        if not os.access(folder, os.W_OK):
            raise PermissionError
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"tickdeck-{os.getuid() if hasattr(os, 'getuid') else 0}" / folder.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _drop_old(folder)
    return folder


def _drop_old(folder):
    """Keep the last few cache folders; older sources are not coming back."""
    others = [path for path in folder.parent.iterdir() if path.is_dir() and path != folder]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_KEEP_FOLDERS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


CACHE_FOLDER = None if INTERPRETED else _cache_folder()


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
        return numba.njit(_nrt=False, nogil=True, forceinline=not rare)(function)
    # The cache locator reads the configuration when the decorator runs: other users of Numba keep their own folder.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(CACHE_FOLDER)
    try:
        return numba.njit(_nrt=False, nogil=True, cache=True)(function)
    finally:
        numba.config.CACHE_DIR = before
