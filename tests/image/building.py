"""The image, really built and run without a Docker engine.

Its base is a look-alike: Debian 12 with its own Python 3.11, under the name that the Dockerfile asks for.
What is run is the image's file system, mounted read-only, in namespaces of its own, as its user; memory
limits and capabilities are not Docker's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import begun
from tests.support.service import ROOT

PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
TOOLS = ("buildah", "mmdebstrap", "unshare", "chroot", "mount")
NAME = "localhost/store_api:checked"

_MOUNT = """set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
for pair in $MOUNTS; do mount --bind "${pair%%:*}" "$root${pair#*:}"; done
if [ "$TMPFS" = yes ]; then mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"; fi
mount -o remount,bind,ro "$root"
exec chroot --userspec="$RUN_AS" "$root" /usr/bin/env -i "$@"
"""


def missing() -> str | None:
    """Say what is missing for building an image here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"there is no {', '.join(absent)} (Debian: apt-get install buildah mmdebstrap)"
    if subprocess.run(begun("unshare", "--mount", "--pid", "--fork", "true"), check=False).returncode:
        return "this system gives no namespaces"
    return None


@dataclass(frozen=True)
class Image:
    """An image that was built.

    Args:
        root: its file system, mounted.
        config: what it was told, as `docker inspect` has it.
    """

    root: Path
    config: Mapping[str, Any]

    def command(
        self,
        arguments: Sequence[str],
        variables: Mapping[str, str] | None = None,
        *,
        folder: str | None = None,
        tmpfs: bool = True,
        run_as: str | None = None,
        mounts: Mapping[Path, str] | None = None,
    ) -> tuple[list[str], dict[str, str]]:
        """Write the command line, and its environment, that runs something in the image as process 1.

        Args:
            arguments: the program's.
            variables: besides the image's own.
            folder: the working directory; None is the image's own.
            tmpfs: whether /tmp can be written to; nothing else can.
            run_as: user:group; None is the image's own.
            mounts: folders of this system that are bound into the image, by path.
        """
        inside = [*self.config["Env"], *(f"{name}={value}" for name, value in (variables or {}).items())]
        shell = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _MOUNT,
            "sh",
            str(self.root),
        ]
        settings = {
            "RUN_AS": run_as or self.config["User"],
            "TMPFS": "yes" if tmpfs else "no",
            "MOUNTS": " ".join(f"{outside}:{place}" for outside, place in (mounts or {}).items()),
            "PATH": os.environ["PATH"],
        }
        return [
            *shell,
            f"--chdir={folder or self.config['WorkingDir']}",
            *inside,
            *arguments,
        ], settings

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run something in the image to its end."""
        line, settings = self.command(arguments, **options)
        return subprocess.run(
            begun(*line), env=settings, capture_output=True, text=True, timeout=60, check=False
        )


@contextmanager
def built(folder: Path) -> Iterator[Image]:
    """Build the image in a folder, and take it all away afterwards."""
    buildah = Buildah(folder)
    buildah.make_base(base_name())
    buildah.build(NAME, ROOT)
    container = buildah("from", "--pull-never", *buildah.policy, NAME)
    inspected = json.loads(buildah("inspect", "--type", "image", NAME))
    root = Path(buildah("mount", container))
    try:
        yield Image(root, inspected["Docker"]["config"])
    finally:
        buildah("umount", container)
        buildah("rm", container)


def base_name() -> str:
    """Give the full name of the image that the Dockerfile begins with."""
    (base,) = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    return f"docker.io/library/{base}"


class Buildah:
    """The program buildah, with images of its own in a folder; a call runs it and gives what it printed.

    Args:
        folder: an existing one.
        driver: how it keeps layers; vfs works everywhere, overlay is quicker and smaller.
    """

    def __init__(self, folder: Path, driver: str = "vfs") -> None:
        self._folder = folder
        self._driver = driver
        policy = folder / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.policy = ["--signature-policy", str(policy)]

    def __call__(self, *arguments: str) -> str:
        store = ["--root", str(self._folder / "root"), "--runroot", str(self._folder / "run")]
        done = subprocess.run(
            begun("buildah", *store, "--storage-driver", self._driver, *arguments),
            capture_output=True,
            text=True,
            env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
            check=False,
        )
        if done.returncode:
            pytest.fail(
                f"buildah {arguments[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout.strip()

    def build(self, name: str, context: Path, *options: str) -> None:
        """Build a folder's Dockerfile, from images that are here alone."""
        always = ["--pull-never", "--isolation", "chroot", "--network", "host", "--format", "docker"]
        pip = _pip_of_this_system(self._folder)
        self("bud", *always, *self.policy, *pip, *options, "--tag", name, str(context))

    def make_base(self, name: str, packages: str = PACKAGES) -> None:
        """Make the look-alike of Python's image, of these packages of Debian 12."""
        archive = self._folder / "base.tar"
        subprocess.run(
            begun("mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", "bookworm", archive),
            check=True,
        )
        container = self("from", "scratch")
        self("add", container, str(archive), "/")
        archive.unlink()
        (Path(self("mount", container)) / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        self("umount", container)
        self("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", container)
        self("commit", *self.policy, "--rm", container, name)


def _pip_of_this_system(folder: Path) -> list[str]:
    """Let pip in the build find packages as pip does here: its settings, and the folders that they name."""
    listed = subprocess.run(
        begun(sys.executable, "-m", "pip", "config", "list"), capture_output=True, text=True, check=True
    ).stdout
    settings = dict(re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    config = folder / "pip.conf"
    config.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    volumes = {"/etc/pip.conf": str(config)}
    for place in " ".join(settings.values()).split():
        # An index in a folder has its files beside its pages (PEP 503), which are in "simple".
        path = Path(place.removeprefix("file://").removesuffix("/").removesuffix("/simple"))
        if path.is_absolute() and path.exists():
            volumes[str(path)] = str(path)
    return [word for inside, outside in volumes.items() for word in ("--volume", f"{outside}:{inside}:ro")]
