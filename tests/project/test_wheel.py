"""The wheel: nothing but zentalk in it, and what is in it is enough to run."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(folder), str(repository)),
    )
    (built,) = folder.glob("zentalk-*.whl")
    return built


def run(*command: str, cwd: Path | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_holds_only_zentalk(wheel: Path, repository: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    (info,) = tops - {"zentalk"}
    assert info.endswith(".dist-info")
    assert f"{info}/licenses/LICENSE" in names
    assert not [name for name in names if "__pycache__" in name]
    missing = {
        path.relative_to(repository).as_posix()
        for path in (repository / "zentalk").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - set(names)
    assert not missing


@pytest.mark.e2e
@pytest.mark.slow
def test_wheel_runs_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    # Without its own pip: Debian's Python may lack ensurepip, and ours can install for it.
    venv.create(environment, with_pip=False)
    python = str(environment / "bin" / "python")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-compile",
        str(wheel),
    )
    listed = run(str(environment / "bin" / "zentalk"), "sim", "list", cwd=tmp_path)
    assert "demo" in listed
    where = run(python, "-c", "import zentalk; print(zentalk.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)
