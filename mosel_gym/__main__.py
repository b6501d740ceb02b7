"""`python -m mosel_gym` is `mosel`."""

import sys

from mosel_gym.cli import main

if __name__ == "__main__":
    sys.exit(main())
