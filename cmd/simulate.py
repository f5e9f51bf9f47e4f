"""Local networks: the same as ``zentalk sim ...``, for those who start programs by file."""

import sys

from zentalk.cli import main

if __name__ == "__main__":
    sys.exit(main(["sim", *sys.argv[1:]]))
