"""What no schema knows: names that must mean the same in two places. Each function lists what is wrong."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from mongo_replica_init.settings import VARIABLES as INIT_VARIABLES

from bot.settings import BotSettings
from store_api.settings import Settings
from tests.deployment.tools import Manifest
from tests.support.elections import SOON_GIVEN_UP

OURS = "store_api"
VARIABLES = {
    "api": {setting.metadata["variable"] for setting in fields(Settings)},
    "bot": {setting.metadata["variable"] for setting in fields(BotSettings)},
    "mongo-replica-init": set(INIT_VARIABLES),
    "secrets": set(INIT_VARIABLES),
}
"""What the programs read, by the name of the container or service that they are in."""

MONGOD_FLAGS = {
    "--replSet=rs0",
    "--port=27017",
    "--bind_ip_all",
    "--ipv6",
    "--journalCommitInterval=2",
    "--networkMessageCompressors=snappy,zstd",
    "--wiredTigerCacheSizeGB=0.5",
    "--nounixsocket",
    *SOON_GIVEN_UP,
}
"""What every mongod is started with, wherever it runs; and where it asks for passwords, a keyFile."""


def mongod_flags_wrong(command: Iterable[str], *, further: Iterable[str] = ()) -> list[str]:
    """Compare a mongod's command line with what every one is started with."""
    program, *flags = command
    given = {re.sub(r"^--keyFile=.*", "--keyFile", flag) for flag in flags}
    wanted = MONGOD_FLAGS | set(further)
    found = [] if program == "mongod" else [f"{program} is not mongod"]
    return [*found, *(f"unlike elsewhere: {flag}" for flag in sorted(given ^ wanted))]


def of_kind(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """Pick the manifests of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def name_of(manifest: Manifest) -> str:
    """Tell what it is and what it is called."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def workloads(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Pick what runs pods."""
    return of_kind(manifests, "Deployment", "StatefulSet", "Job")


def pods(manifests: Iterable[Manifest]) -> dict[str, Mapping[str, str]]:
    """Give the labels of each workload's pods."""
    return {
        name_of(each): each["spec"]["template"]["metadata"].get("labels", {}) for each in workloads(manifests)
    }


def containers(workload: Manifest) -> list[Manifest]:
    """Give all containers of a workload, the first ones too."""
    spec = workload["spec"]["template"]["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


def selected(selector: Mapping[str, str], manifests: Iterable[Manifest]) -> list[str]:
    """Name the workloads whose pods a selector selects."""
    return [name for name, labels in pods(manifests).items() if selector.items() <= labels.items()]


def _selectors(manifest: Manifest) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Every selector of pods in a manifest, and where it is."""
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Service":
            yield "selector", spec["selector"]
        case "Deployment" | "StatefulSet":
            yield "selector", spec["selector"]["matchLabels"]
            yield from _spread(spec["template"]["spec"])
        case "PodDisruptionBudget":
            yield "selector", spec["selector"]["matchLabels"]
        case "NetworkPolicy":
            yield "podSelector", spec["podSelector"].get("matchLabels", {})
            for direction in ("ingress", "egress"):
                for rule in spec.get(direction, ()):
                    for peer in [*rule.get("from", ()), *rule.get("to", ())]:
                        if "podSelector" in peer and "namespaceSelector" not in peer:
                            yield direction, peer["podSelector"].get("matchLabels", {})


def _spread(pod: Manifest) -> Iterator[tuple[str, Mapping[str, str]]]:
    for constraint in pod.get("topologySpreadConstraints", ()):
        yield "topologySpreadConstraints", constraint["labelSelector"]["matchLabels"]
    affinity = pod.get("affinity", {}).get("podAntiAffinity", {})
    for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution", ()):
        yield "podAntiAffinity", term["labelSelector"]["matchLabels"]
    for weighted in affinity.get("preferredDuringSchedulingIgnoredDuringExecution", ()):
        yield "podAntiAffinity", weighted["podAffinityTerm"]["labelSelector"]["matchLabels"]


def selectors_wrong(manifests: list[Manifest]) -> list[str]:
    """List selectors that select no pod, and those of a workload, or a budget, that select another's."""
    wrong = []
    for manifest in manifests:
        for where, selector in _selectors(manifest):
            found = selected(selector, manifests)
            own = [name_of(manifest)] if manifest["kind"] in ("Deployment", "StatefulSet") else found[:1]
            if not found:
                wrong.append(f"{name_of(manifest)}: {where} selects no pod")
            elif manifest["kind"] != "NetworkPolicy" and found != own:
                wrong.append(f"{name_of(manifest)}: {where} selects {found}")
    return wrong


def environment(container: Manifest, manifests: Iterable[Manifest]) -> dict[str, str | None]:
    """Give a container's variables; None is the value of one that comes from a Secret."""
    data = {name_of(each): each.get("data", {}) for each in of_kind(manifests, "ConfigMap")}
    found: dict[str, str | None] = {}
    for source in container.get("envFrom", ()):
        found |= data.get(f"ConfigMap/{source['configMapRef']['name']}", {})
    return found | {each["name"]: each.get("value") for each in container.get("env", ())}


def settings_wrong(manifests: list[Manifest]) -> list[str]:
    """List variables that a program does not read, and those that it would refuse."""
    wrong = []
    for workload in workloads(manifests):
        for container in containers(workload):
            given = environment(container, manifests)
            if container["image"].rpartition(":")[0].rpartition("/")[2] != OURS:
                continue
            unknown = given.keys() - VARIABLES[container["name"]]
            wrong += [f"{name_of(workload)}: reads no {name}" for name in sorted(unknown)]
    return wrong


def references_wrong(manifests: list[Manifest]) -> list[str]:
    """List ConfigMaps, Secrets, accounts and their keys that are named and not there."""
    have = {name_of(each): {*each.get("data", {}), *each.get("stringData", {})} for each in manifests}
    wrong = []
    for workload in workloads(manifests):
        for name, key in references(workload):
            if name not in have:
                wrong.append(f"{name_of(workload)}: there is no {name}")
            elif key is not None and key not in have[name]:
                wrong.append(f"{name_of(workload)}: {name} has no {key}")
    return wrong


def references(workload: Manifest) -> Iterator[tuple[str, str | None]]:
    """Give every ConfigMap, Secret, account and Service that a workload names, and the key of it."""
    pod = workload["spec"]["template"]["spec"]
    yield f"ServiceAccount/{pod['serviceAccountName']}", None
    if workload["kind"] == "StatefulSet":
        yield f"Service/{workload['spec']['serviceName']}", None
    for container in containers(workload):
        for source in container.get("envFrom", ()):
            yield f"ConfigMap/{source['configMapRef']['name']}", None
        for variable in container.get("env", ()):
            if secret := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield f"Secret/{secret['name']}", secret["key"]
    for volume in pod.get("volumes", ()):
        projected = [source["secret"] for source in volume.get("projected", {}).get("sources", ())]
        for secret in [*([volume["secret"]] if "secret" in volume else ()), *projected]:
            name = secret.get("secretName") or secret["name"]
            yield f"Secret/{name}", None
            for item in secret.get("items", ()):
                yield f"Secret/{name}", item["key"]


def volumes_wrong(manifests: list[Manifest]) -> list[str]:
    """List mounts of volumes that there are not, and volumes that nobody mounts."""
    wrong = []
    for workload in workloads(manifests):
        pod = workload["spec"]["template"]["spec"]
        claimed = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())}
        have = {volume["name"] for volume in pod.get("volumes", ())} | claimed
        used = {mount["name"] for each in containers(workload) for mount in each.get("volumeMounts", ())}
        wrong += [f"{name_of(workload)}: volume {name}" for name in sorted(have ^ used)]
    return wrong


def targets_wrong(manifests: list[Manifest]) -> list[str]:
    """List autoscalers whose target is not there, or whose target says its own number of pods, too."""
    have = {name_of(each): each for each in manifests}
    wrong = []
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        workload = have.get(f"{target['kind']}/{target['name']}")
        if workload is None:
            wrong.append(f"{name_of(scaler)}: there is no {target['kind']}/{target['name']}")
        elif "replicas" in workload["spec"]:
            wrong.append(f"{name_of(scaler)}: {name_of(workload)} says replicas, too")
    return wrong


def hosts_wrong(manifests: list[Manifest], namespace: str = "store-api") -> list[str]:
    """List members whose names are not those that the StatefulSet's pods get."""
    wrong = []
    for member_set in of_kind(manifests, "StatefulSet"):
        name, service = member_set["metadata"]["name"], member_set["spec"]["serviceName"]
        wanted = ",".join(
            f"{name}-{index}.{service}.{namespace}.svc:27017"
            for index in range(member_set["spec"]["replicas"])
        )
        wrong += [
            f"{name_of(config)}: MONGO_HOSTS is not {wanted}"
            for config in of_kind(manifests, "ConfigMap")
            if config.get("data", {}).get("MONGO_HOSTS", wanted) != wanted
        ]
    return wrong


def families_wrong(manifests: list[Manifest]) -> list[str]:
    """List what works in one family of addresses alone: listeners, Services, and ways out."""
    wrong = []
    for workload in workloads(manifests):
        for container in containers(workload):
            host = environment(container, manifests).get("HOST", "::")
            wrong += [] if host == "::" else [f"{name_of(workload)}: listens on {host}"]
    for service in of_kind(manifests, "Service"):
        spec = service["spec"]
        if spec.get("clusterIP") != "None" and spec.get("ipFamilyPolicy") != "PreferDualStack":
            wrong.append(f"{name_of(service)}: has an address of one family")
    for policy in of_kind(manifests, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", ()):
            out = {peer["ipBlock"]["cidr"] for peer in rule.get("to", ()) if "ipBlock" in peer}
            wrong += [] if out in (set(), {"0.0.0.0/0", "::/0"}) else [f"{name_of(policy)}: {sorted(out)}"]
    return wrong
