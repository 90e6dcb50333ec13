"""``python -m pdb_cli``, the same as the command ``pdb-cli``."""

import sys

from pdb_cli.cli.main import main

if __name__ == "__main__":
    sys.exit(main())  # noqa: TID251 - the program itself
