#!/bin/sh
# Makes a virtual environment at $1 with the first Python >= 3.11 that can, never touching the system.
# PYTHON=/path/to/python chooses one.
set -u
target=$1
found=

for python in "${PYTHON:-}" python3.13 python3.12 python3.11 python3.14 python3 python; do
    [ -n "$python" ] || continue
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    found=${found:-$python}
    for maker in venv virtualenv; do
        if "$python" -m "$maker" "$target" >/dev/null 2>&1 && "$target/bin/python" -m pip --version >/dev/null 2>&1
        then
            exit 0
        fi
        rm -rf "$target"
    done
done

if command -v virtualenv >/dev/null 2>&1 && [ -n "$found" ]; then
    if virtualenv --python "$found" "$target" >/dev/null 2>&1; then
        exit 0
    fi
    rm -rf "$target"
fi

if [ -n "$found" ]; then
    version=$("$found" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    echo "zentalk needs a virtual environment: apt-get install $version-venv (or virtualenv), then run make again" >&2
else
    echo "zentalk needs Python 3.11 or newer: apt-get install python3 python3-venv, then run make again" >&2
fi
exit 1
