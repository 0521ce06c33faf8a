"""Keeps a library's remarks out of a notebook."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_logging() -> Iterator[None]:
    """Keeps open_clip's log lines off stderr while the block runs.

    open_clip writes through the root logger, whose first use would also install a handler for every other library.
    """
    root, silent = logging.getLogger(), logging.NullHandler()
    before = logging.root.manager.disable
    root.addHandler(silent)
    logging.disable(max(before, logging.ERROR))
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(silent)
