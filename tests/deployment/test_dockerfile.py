"""The Dockerfile, as far as it can be judged without building it; `make image-check` builds it."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.tools import Checked, copy_of, plant, run
from tests.support.service import ROOT


@pytest.fixture
def planted() -> Iterator[Path]:
    with copy_of("Dockerfile", ".hadolint.yaml") as folder:
        yield folder


def checkov(folder: Path) -> Checked:
    options = ("--framework", "dockerfile", "--compact", "--quiet", "--skip-download")
    return run("checkov", *options, "-f", folder / "Dockerfile", folder=folder)


def test_nobody_has_anything_against_it() -> None:
    assert run("hadolint", "Dockerfile").said == ""
    with copy_of("Dockerfile") as folder:
        assert checkov(folder).exit_code == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("python:3.11.14-slim-bookworm AS", "python AS"),
        ('CMD ["python", "-m", "store_api"]', "CMD python -m store_api"),
        ("EXPOSE 8000", "EXPOSE 80000"),
        ("WORKDIR /app", "WORKDIR app"),
    ],
)
def test_a_planted_error_is_found_by_hadolint(planted: Path, right: str, wrong: str) -> None:
    plant(planted / "Dockerfile", right, wrong)
    assert run("hadolint", "Dockerfile", folder=planted).exit_code == 1


def test_a_planted_error_is_found_by_checkov(planted: Path) -> None:
    plant(planted / "Dockerfile", "USER 10001:10001\n", "")
    plant(planted / "Dockerfile", "HEALTHCHECK", "# HEALTHCHECK")
    checked = checkov(planted)
    assert checked.exit_code == 1
    assert {"CKV_DOCKER_2", "CKV_DOCKER_3"} <= set(re.findall(r"CKV_DOCKER_\d+", checked.said))


def test_one_mongodb_and_one_python_are_named_everywhere() -> None:
    texts = [
        file.read_text()
        for pattern in ("Dockerfile", "docker-compose*.yml", "k8s/**/*.yaml")
        for file in ROOT.glob(pattern)
    ]
    found = set(re.findall(r"(?:image: |FROM )((?:mongo|python):\S+)", "\n".join(texts)))
    assert sorted(name.partition(":")[0] for name in found) == ["mongo", "python"], found
    version = re.search(r"mongo:8\.(\d+)\.(\d+)", "\n".join(found))
    assert version is not None


def test_our_own_image_has_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for file in ROOT.glob("docker-compose*.yml"):
        assert set(re.findall(r"STORE_API_IMAGE:-(\S+)}", file.read_text())) == {f"store_api:{version}"}
    for file in ROOT.glob("k8s/overlays/*/kustomization.yaml"):
        assert f"newTag: {version}\n" in file.read_text()


def test_the_image_takes_in_neither_tests_nor_secrets_nor_an_embedded_mongod() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert let_in == {"requirements/image.lock", "store_api", "watchers", "bot", "mongo-replica-init"}
    assert "fiftyone" not in (ROOT / "requirements/image.lock").read_text()


def test_the_image_listens_on_every_address_and_is_asked_how_it_is_wherever_it_listens() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"\bHOST=(\S+)", text) == ["::"]
    (asked,) = re.findall(r"^HEALTHCHECK .* CMD (.*)", text, re.MULTILINE)
    assert json.loads(asked) == ["python", "-m", "store_api.healthcheck", "live"]
