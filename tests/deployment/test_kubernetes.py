"""The Kubernetes files: built by kustomize, held against two versions' schemas and against each other."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.settings import BotSettings
from store_api.settings import DatabaseSettings, Settings
from store_api.storage.clients import COMMAND_SECONDS
from store_api.web.serving import READING_SECONDS
from tests.deployment import cross_references as crossed
from tests.deployment.port_references import ports_wrong
from tests.deployment.tools import OVERLAYS, Checked, Manifest, copy_of, kustomize, manifests, plant, run

VERSIONS = ("1.30", "1.37")
CHECKS = (
    crossed.selectors_wrong,
    ports_wrong,
    crossed.settings_wrong,
    crossed.references_wrong,
    crossed.volumes_wrong,
    crossed.targets_wrong,
    crossed.hosts_wrong,
    crossed.families_wrong,
)
API, MONGODB, POLICIES = "k8s/base/api.yaml", "k8s/mongodb/mongodb.yaml", "k8s/base/network-policies.yaml"

SKIPPED = {
    "CKV_K8S_43": "digests are of an image that you build, or of one registry; the tags are exact",
    "CKV_K8S_15": "the tags are exact, so an image that is there is the right one",
    "CKV_K8S_35": "MONGO_URL and BOT_TOKEN are read from the environment, as every setting is",
    "CKV_K8S_8": "the bot serves nothing that a probe could ask; it ends when it cannot go on",
    "CKV_K8S_9": "the bot gets no traffic",
    "CKV_K8S_40": "999 is the user of MongoDB's own image",
    "CKV2_K8S_5": "checked by our own: the namespace enforces the restricted standard",
}
"""What checkov looks for and is not so here, and why."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with copy_of("k8s") as folder:
        yield folder


@pytest.fixture
def planted(folder: Path) -> Iterator[Path]:
    with copy_of("k8s") as copy:
        yield copy


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, folder: Path) -> tuple[Path, list[Manifest]]:
    """An overlay as kustomize writes it, in a file and read."""
    text = kustomize(folder, request.param)
    file = folder / f"{request.param}.yaml"
    file.write_text(text)
    return file, manifests(text)


def with_existing_mongodb(folder: Path) -> str:
    """Take an existing MongoDB in place of ours, by the one line that it takes."""
    plant(
        folder / "k8s/overlays/production/kustomization.yaml",
        "- ../../mongodb #",
        "- ../../existing-mongodb #",
    )
    return kustomize(folder, "production")


def test_everything_refers_to_what_is_there(overlay: tuple[Path, list[Manifest]]) -> None:
    _, built = overlay
    assert {check.__name__: check(built) for check in CHECKS} == {check.__name__: [] for check in CHECKS}
    (member,) = crossed.of_kind(built, "StatefulSet")
    command = member["spec"]["template"]["spec"]["containers"][0]["command"]
    assert crossed.mongod_flags_wrong(command, further=["--keyFile"]) == []


def test_a_mongodb_that_is_there_already_takes_one_line(planted: Path) -> None:
    built = manifests(with_existing_mongodb(planted))
    assert {check.__name__: check(built) for check in CHECKS} == {check.__name__: [] for check in CHECKS}
    assert crossed.of_kind(built, "StatefulSet", "Job") == []
    (egress,) = [each for each in built if crossed.name_of(each) == "NetworkPolicy/uses-mongodb"]
    assert egress["spec"]["egress"][0]["to"] == [
        {"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/0", "::/0")
    ]
    secrets = [
        each for each in crossed.of_kind(built, "Secret") if each["metadata"]["name"].startswith("mongo-url")
    ]
    assert len(secrets) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_of_the_schema(overlay: tuple[Path, list[Manifest]], version: str) -> None:
    file, built = overlay
    checked = run("kubernetes-validate", "--strict", "-k", version, file)
    assert checked.exit_code == 0, checked.said
    # One that it does not know passes, too.
    assert checked.said.count(" passed for resource ") == len(built), checked.said


@pytest.mark.parametrize("program", ["api", "bot"])
def test_the_service_takes_the_settings_as_they_are(
    overlay: tuple[Path, list[Manifest]], program: str
) -> None:
    _, built = overlay
    (workload,) = [each for each in built if crossed.name_of(each) == f"Deployment/{program}"]
    (container,) = crossed.containers(workload)
    given = crossed.environment(container, built)
    assert "MONGO_URL" in given
    settings: type[DatabaseSettings] = BotSettings if program == "bot" else Settings
    settings.read({name: value for name, value in given.items() if value is not None})


def test_security_people_find_nothing_that_is_not_explained(overlay: tuple[Path, list[Manifest]]) -> None:
    file, _ = overlay
    checked = checkov(file)
    assert checked.exit_code == 0, checked.said


def checkov(file: Path) -> Checked:
    return run(
        "checkov",
        *("--framework", "kubernetes", "--compact", "--quiet", "--skip-download"),
        *("--skip-check", ",".join(SKIPPED), "-f", file),
    )


def test_the_namespace_enforces_the_restricted_standard(overlay: tuple[Path, list[Manifest]]) -> None:
    _, built = overlay
    (namespace,) = crossed.of_kind(built, "Namespace")
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for workload in crossed.workloads(built):
        assert restriction_wrong(workload) == []


def restriction_wrong(workload: Manifest) -> list[str]:
    """List what the restricted Pod Security Standard does not allow, and containers without resources."""
    pod = workload["spec"]["template"]["spec"]
    wrong = [] if pod["securityContext"].get("runAsNonRoot") else ["may run as root"]
    wrong += [] if pod["securityContext"].get("seccompProfile") == {"type": "RuntimeDefault"} else ["seccomp"]
    for container in crossed.containers(workload):
        context = container.get("securityContext", {})
        restricted = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        wrong += [
            f"{container['name']}: {name}" for name, value in restricted.items() if context.get(name) != value
        ]
        for kind in ("requests", "limits"):
            resources = container.get("resources", {}).get(kind, {})
            wrong += [f"{container['name']}: {kind}" for name in ("cpu", "memory") if name not in resources]
    return wrong


def who_reaches(built: list[Manifest], port: int) -> set[str]:
    """Say which pods the policies let reach MongoDB: they must go out and be let in."""
    pods = crossed.pods(built)

    def allowed(direction: str, peers: str) -> set[tuple[str, str]]:
        pairs = set()
        for policy in crossed.of_kind(built, "NetworkPolicy"):
            own = policy["spec"]["podSelector"].get("matchLabels", {})
            for rule in policy["spec"].get(direction, ()):
                if port not in [each["port"] for each in rule.get("ports", ())]:
                    continue
                for peer in rule.get(peers, ()):
                    others = peer.get("podSelector", {}).get("matchLabels")
                    pairs |= {
                        (one, other)
                        for one in pods
                        for other in pods
                        if others
                        and own.items() <= pods[one].items()
                        and others.items() <= pods[other].items()
                    }
        return pairs

    goes_out = allowed("egress", "to")
    return {one for one, other in goes_out if (other, one) in allowed("ingress", "from")}


def test_only_who_must_reaches_mongodb_and_only_the_bot_leaves(overlay: tuple[Path, list[Manifest]]) -> None:
    _, built = overlay
    policies = crossed.of_kind(built, "NetworkPolicy")
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert deny in [policy["spec"] for policy in policies]
    assert who_reaches(built, 27017) == {
        *("Deployment/api", "Deployment/bot", "Job/mongo-replica-init", "StatefulSet/mongodb")
    }
    leaving = [
        policy["spec"]["podSelector"]
        for policy in policies
        for rule in policy["spec"].get("egress", ())
        if "to" not in rule or any("ipBlock" in peer for peer in rule["to"])
    ]
    assert leaving == [{"matchLabels": {"app.kubernetes.io/name": "bot"}}]


def test_a_pod_has_more_time_to_end_than_it_needs(overlay: tuple[Path, list[Manifest]]) -> None:
    _, built = overlay
    (api,) = [each for each in built if crossed.name_of(each) == "Deployment/api"]
    pod = api["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + READING_SECONDS + COMMAND_SECONDS
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert container["readinessProbe"]["periodSeconds"] < pause


@pytest.mark.parametrize(
    ("check", "file", "right", "wrong"),
    [
        (crossed.selectors_wrong, API, ": api\n  ports", ": apis\n  ports"),
        (crossed.selectors_wrong, "k8s/base/api-scaling.yaml", "app.kubernetes.io/name: api", "app: api"),
        (crossed.selectors_wrong, POLICIES, "app.kubernetes.io/name: bot", "app.kubernetes.io/name: robot"),
        (
            crossed.selectors_wrong,
            "k8s/mongodb/network-policies.yaml",
            'uses-mongodb: "true"',
            'uses: "true"',
        ),
        (ports_wrong, API, "targetPort: http", "targetPort: web"),
        (ports_wrong, API, "containerPort: 8000", "containerPort: 8080"),
        (ports_wrong, API, "http\n            periodSeconds: 2", "web\n            periodSeconds: 2"),
        (ports_wrong, "k8s/base/ingress.yaml", "name: http", "name: web"),
        (ports_wrong, POLICIES, "port: 8000", "port: 80"),
        (ports_wrong, MONGODB, "--port=27017", "--port=27018"),
        (ports_wrong, "k8s/base/kustomization.yaml", "PORT=8000", "PORT=80"),
        (crossed.settings_wrong, "k8s/base/kustomization.yaml", "WORKERS=1", "WORKER=1"),
        (crossed.families_wrong, "k8s/base/kustomization.yaml", "HOST=::", "HOST=0.0.0.0"),
        (crossed.families_wrong, API, "  ipFamilyPolicy: PreferDualStack\n", ""),
        (crossed.families_wrong, POLICIES, "cidr: ::/0", "cidr: fe80::/10"),
        (crossed.settings_wrong, "k8s/mongodb/kustomization.yaml", "WAIT_SECONDS", "WAIT"),
        (crossed.references_wrong, API, "key: MONGO_URL", "key: MONGODB_URL"),
        (crossed.references_wrong, "k8s/mongodb/init.yaml", "key: token", "key: tokens"),
        (crossed.references_wrong, "k8s/mongodb/init.yaml", "name: first-token", "name: the-token"),
        (crossed.references_wrong, "k8s/base/bot.yaml", "name: bot-mongo-url", "name: bots-mongo-url"),
        (crossed.settings_wrong, "k8s/base/kustomization.yaml", "AUTH=tokens", "AUTHS=tokens"),
        (crossed.references_wrong, "k8s/base/bot.yaml", "name: telegram", "name: telegraph"),
        (crossed.references_wrong, MONGODB, "- key: keyFile", "- key: keyfile"),
        (crossed.references_wrong, API, "serviceAccountName: api", "serviceAccountName: apis"),
        (crossed.volumes_wrong, MONGODB, ": tmp\n          emptyDir", ": temp\n          emptyDir"),
        (crossed.targets_wrong, "k8s/base/api-scaling.yaml", ": api\n  minReplicas", ": apis\n  minReplicas"),
        (crossed.targets_wrong, API, "  # No replicas here", "  replicas: 2\n  # No replicas here"),
        (crossed.hosts_wrong, MONGODB, "replicas: 3", "replicas: 5"),
        (crossed.hosts_wrong, "k8s/mongodb/kustomization.yaml", "mongodb-2.mongodb.", "mongodb-2.mongo."),
    ],
    ids=lambda value: value.__name__ if callable(value) else re.sub(r"\W+", " ", str(value))[:40],
)
def test_a_planted_error_is_found(
    planted: Path, check: Callable[[list[Manifest]], list[str]], file: str, right: str, wrong: str
) -> None:
    plant(planted / file, right, wrong)
    assert check(manifests(kustomize(planted, "production"))) != []


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        (API, "maxSurge: 1", "maxSurgee: 1"),
        (API, "containerPort: 8000", 'containerPort: "8000"'),
        ("k8s/base/api-scaling.yaml", "maxUnavailable: 1", "minAvailabel: 1"),
        (MONGODB, "serviceName: mongodb", "serviceNam: mongodb"),
        (MONGODB, 'secondary ? 0 : 1)"', 'secondary ? 0 : 1)": x'),
    ],
)
def test_a_planted_error_is_found_by_the_schema(planted: Path, file: str, right: str, wrong: str) -> None:
    plant(planted / file, right, wrong)
    built = planted / "built.yaml"
    built.write_text(kustomize(planted, "production"))
    assert run("kubernetes-validate", "--strict", "-k", VERSIONS[0], built).exit_code == 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
        ("runAsNonRoot: true", "runAsNonRoot: false"),
        ("drop: [ALL]", "drop: [CHOWN]"),
        ("              memory: 1Gi\n", ""),
    ],
)
def test_a_pod_that_may_too_much_is_found(planted: Path, right: str, wrong: str) -> None:
    plant(planted / API, right, wrong)
    built = manifests(kustomize(planted, "production"))
    (api,) = [each for each in built if crossed.name_of(each) == "Deployment/api"]
    assert restriction_wrong(api) != []


def test_a_pod_that_may_too_much_is_found_by_checkov(planted: Path) -> None:
    plant(planted / API, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    built = planted / "built.yaml"
    built.write_text(kustomize(planted, "production"))
    checked = checkov(built)
    assert (checked.exit_code, checked.said.count("CKV_K8S_20")) == (1, 1)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('store-api/uses-mongodb: "true"\n        - podSelector', 'uses: "true"\n        - podSelector'),
        ("  egress:\n    - to:\n        - podSelector", "  egress:\n    - from:\n        - podSelector"),
    ],
    ids=["the API is not let in", "members do not reach each other"],
)
def test_a_policy_that_keeps_out_who_must_come_in_is_found(planted: Path, right: str, wrong: str) -> None:
    plant(planted / "k8s/mongodb/network-policies.yaml", right, wrong)
    assert len(who_reaches(manifests(kustomize(planted, "production")), 27017)) < 4


def test_without_secrets_it_cannot_be_built_at_all(planted: Path) -> None:
    assert run("kubectl", "kustomize", "k8s/overlays/local", folder=planted).exit_code == 1


def test_no_secret_is_in_the_files(folder: Path) -> None:
    names = [str(file) for file in folder.rglob("*") if "secrets" not in file.parts]
    assert not [name for name in names if re.search(r"keyFile|\.env$|token", name)]
