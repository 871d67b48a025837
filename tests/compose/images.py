"""The images that docker-compose.yml names, without a registry: look-alikes, and ours from the Dockerfile.

Python's is Debian 12 with its own Python. MongoDB's is the same with the mongod that `.venv` holds, a user
999, and mongosh from npm where Node and npm are here, else a stand-in that understands the health check
alone. What is slow is kept in a folder, and made again when what it is made of has changed.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from functools import partial
from pathlib import Path

from store_api.embedded import find_mongod
from tests.image.building import PACKAGES, Buildah, base_name
from tests.support.programs import begun
from tests.support.service import ROOT

OURS = "store_api:1.0.0"
MONGOSH_VERSION = "2.12.0"
STAND_IN = Path(__file__).with_name("mongosh.py")
LIBRARIES = "libcurl4,libstdc++6"
"""What mongod and Node need of Debian."""

_MONGO = """FROM {base}
COPY mongod /usr/bin/mongod
COPY mongosh /opt/mongosh
RUN groupadd --gid 999 mongodb && useradd --uid 999 --gid 999 --home-dir /data/db mongodb \\
    && install -d -o 999 -g 999 /data/db /data/configdb \\
    && ln -s /opt/mongosh/run /usr/bin/mongosh \\
    && (mongosh --version || ln -sf /opt/mongosh/stand_in.py /usr/bin/mongosh)
VOLUME /data/db /data/configdb
EXPOSE 27017
CMD ["mongod"]
"""
_RUN = '#!/bin/sh\nexec /opt/mongosh/node /opt/mongosh/node_modules/mongosh/bin/mongosh.js "$@"\n'


def mongo_name() -> str:
    """Give the name of MongoDB's image in docker-compose.yml."""
    (name,) = re.findall(r"image: (mongo:\S+)", (ROOT / "docker-compose.yml").read_text())
    return str(name)


def archives_in(folder: Path) -> list[Path]:
    """Give the archives for `docker load`, which `make_images` makes."""
    return [folder / f"{name.partition(':')[0]}.tar" for name in (OURS, mongo_name())]


def make_images(folder: Path) -> None:
    """Make the images that are not there as they should be, and their archives.

    Args:
        folder: where they are kept; made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        # Worktrees may share the folder.
        flock(lock, LOCK_EX)
        _make_images(folder)


def _make_images(folder: Path) -> None:
    buildah = Buildah(folder, "overlay" if _overlays(folder) else "vfs")
    _remade(folder / "base", f"{base_name()} {PACKAGES} {LIBRARIES}", lambda: _make_base(buildah))
    base = buildah("images", "--quiet", "--no-trunc", base_name())
    recipe = f"{base}{_MONGO}{_RUN}{MONGOSH_VERSION}{STAND_IN.read_text()}{find_mongod()}{_node()}"
    _remade(folder / "mongo", recipe, lambda: _make_mongo(buildah, folder))
    # What has not changed of our own is kept by buildah itself, so this is always what the sources are.
    with _told("store_api"):
        buildah.build(f"docker.io/library/{OURS}", ROOT, "--layers")
    for name, archive in zip((OURS, mongo_name()), archives_in(folder), strict=True):
        identity = buildah("images", "--quiet", "--no-trunc", f"docker.io/library/{name}")
        _remade(archive, identity, partial(_export, buildah, name, archive))


def _export(buildah: Buildah, name: str, archive: Path) -> None:
    archive.unlink(missing_ok=True)
    full = f"docker.io/library/{name}"
    buildah("push", *buildah.policy, full, f"docker-archive:{archive}:{full}")


def _make_base(buildah: Buildah) -> None:
    buildah.make_base(base_name(), f"{PACKAGES},{LIBRARIES}")


def _make_mongo(buildah: Buildah, folder: Path) -> None:
    context = folder / "context"
    shutil.rmtree(context, ignore_errors=True)
    shell = context / "mongosh"
    shell.mkdir(parents=True)
    shutil.copy(find_mongod(), context / "mongod")
    shutil.copy(STAND_IN, shell / "stand_in.py")
    (shell / "stand_in.py").chmod(0o755)
    (shell / "run").write_text(_RUN)
    (shell / "run").chmod(0o755)
    node = _node()
    if node is not None:
        shutil.copy(node, shell / "node")
        install = ("npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", shell)
        subprocess.run(begun(*install, f"mongosh@{MONGOSH_VERSION}"), check=True)
    (context / "Dockerfile").write_text(_MONGO.format(base=base_name()))
    buildah.build(f"docker.io/library/{mongo_name()}", context)
    shutil.rmtree(context)


def _node() -> str | None:
    return shutil.which("node") if shutil.which("npm") else None


def _remade(what: Path, recipe: str, make: Callable[[], None]) -> None:
    """Make something unless it was made of the same before."""
    note = what.with_name(f"{what.name}.made")
    wanted = hashlib.sha256(recipe.encode()).hexdigest()
    if note.exists() and note.read_text() == wanted:
        return
    note.unlink(missing_ok=True)
    with _told(what.name):
        make()
    note.write_text(wanted)


@contextmanager
def _told(what: str) -> Iterator[None]:
    begin = time.monotonic()
    sys.stderr.write(f"making {what} ...")
    sys.stderr.flush()
    yield
    sys.stderr.write(f" {time.monotonic() - begin:.1f} s\n")


def _overlays(folder: Path) -> bool:
    """Find out whether a file system can be laid over another one here."""
    layers = [folder / f"try-{name}" for name in ("lower", "upper", "work", "merged")]
    for layer in layers:
        layer.mkdir(exist_ok=True)
    lower, upper, work, merged = layers
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    # In a namespace of its own, so that nothing stays mounted.
    mount = ("unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, merged)
    return subprocess.run(begun(*mount), capture_output=True, check=False).returncode == 0
