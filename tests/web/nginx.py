"""nginx as a child of a test, with files of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needed import program

AROUND = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors; user root;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  {servers}
}}
"""


@contextmanager
def nginx(folder: Path, servers: str) -> Iterator[None]:
    """Run it with these blocks inside `http`; what it complains of is in the file `errors`."""
    config = folder / "nginx.conf"
    config.write_text(AROUND.format(folder=folder, servers=servers), "utf-8")
    command = [program("nginx"), "-p", str(folder), "-c", str(config), "-e", f"{folder}/errors"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)
