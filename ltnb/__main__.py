"""``python -m ltnb`` is the ``ltnb`` command."""

import sys

from ltnb.cli import main

if __name__ == "__main__":
    sys.exit(main())
