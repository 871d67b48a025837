"""The checkers, as an operator would run them, and the files as they read them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
import yaml

from tests.support.programs import begun
from tests.support.service import ROOT

TOOLS = ROOT / ".venv" / "deploy" / "bin"
OVERLAYS = ("local", "production")

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Checked:
    """How a checker ended, and all it said."""

    exit_code: int
    said: str


def run(
    tool: str, *arguments: str | Path, folder: Path = ROOT, variables: Mapping[str, str] | None = None
) -> Checked:
    """Run a checker; without it the test is skipped, and `make deploy-check` installs it."""
    if not (TOOLS / tool).exists():
        pytest.skip(f"{tool} is not installed: make deploy-check does it")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        begun(TOOLS / tool, *arguments),
        cwd=folder,
        env={**kept, "PATH": f"{TOOLS}:{kept.get('PATH', '')}", **(variables or {})},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Checked(done.returncode, done.stdout + done.stderr)


@contextmanager
def copy_of(*names: str) -> Iterator[Path]:
    """Give a folder with copies of these files and folders of the repository, for errors to be planted in."""
    with TemporaryDirectory(prefix="store_api-test-") as folder:
        for name in names:
            if (ROOT / name).is_dir():
                # A developer's own secrets are not the tests'.
                shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("secrets"))
            else:
                shutil.copy(ROOT / name, Path(folder) / name)
        yield Path(folder)


def plant(file: Path, right: str, wrong: str) -> None:
    """Put an error in the place of something right, which must be there."""
    text = file.read_text()
    assert right in text, f"{right!r} is not in {file.name}"
    file.write_text(text.replace(right, wrong, 1))


def compose(file: str, folder: Path = ROOT, variables: Mapping[str, str] | None = None) -> Manifest:
    """Read a Compose file as Docker Compose does, the bot's profile included."""
    # Not the developer's own .env.
    read = run(
        "docker-compose",
        *("--env-file", "/dev/null", "-f", file, "--profile", "*", "config", "--format", "json"),
        folder=folder,
        variables=variables,
    )
    assert read.exit_code == 0, read.said
    return msgspec.json.decode(read.said, type=Manifest)


@cache
def _secrets() -> dict[str, bytes]:
    """Make an overlay's secrets as `make k8s-secrets` does, and a token."""
    files = {"telegram.env": b"BOT_TOKEN=123456:ABC\n"}
    with TemporaryDirectory(prefix="store_api-test-") as folder:
        made = subprocess.run(
            begun(sys.executable, ROOT / "mongo-replica-init", "make-secrets", folder),
            env={**os.environ, "MONGO_HOSTS": "mongodb-0.mongodb:27017"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        made_files = [file for file in Path(folder).rglob("*") if file.is_file()]
        return files | {str(file.relative_to(folder)): file.read_bytes() for file in made_files}


def kustomize(folder: Path, overlay: str) -> str:
    """Build an overlay in a folder that holds a copy of `k8s`."""
    secrets = folder / "k8s/overlays" / overlay / "secrets"
    secrets.mkdir(exist_ok=True)
    for name, content in _secrets().items():
        (secrets / name).parent.mkdir(exist_ok=True)
        (secrets / name).write_bytes(content)
    built = run("kubectl", "kustomize", f"k8s/overlays/{overlay}", folder=folder)
    assert built.exit_code == 0, built.said
    return built.said


def manifests(text: str) -> list[Manifest]:
    """Read what kustomize wrote."""
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]
