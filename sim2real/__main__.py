"""``python -m sim2real`` is the same as the ``sim2real`` command."""

import sys

from sim2real.cli import main

if __name__ == "__main__":
    sys.exit(main())
