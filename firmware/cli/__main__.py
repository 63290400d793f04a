"""`python -m firmware.cli` is `scanside`."""

import sys

from firmware.cli import main

if __name__ == "__main__":
    sys.exit(main())
