"""The API node: the same as ``zentalk api ...``, for those who start programs by file."""

import sys

from zentalk.cli import main

if __name__ == "__main__":
    sys.exit(main(["api", *sys.argv[1:]]))
