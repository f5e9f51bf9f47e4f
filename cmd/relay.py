"""The relay: the same as ``zentalk relay ...``, for those who start programs by file."""

import sys

from zentalk.cli import main

if __name__ == "__main__":
    sys.exit(main(["relay", *sys.argv[1:]]))
