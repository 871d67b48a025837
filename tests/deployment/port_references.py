"""Ports that must be the same in two places. Each function lists what is wrong."""

from tests.deployment.cross_references import (
    containers,
    environment,
    name_of,
    of_kind,
    pods,
    selected,
    workloads,
)
from tests.deployment.tools import Manifest


def ports_wrong(manifests: list[Manifest]) -> list[str]:
    """List ports that nobody has: of Services, the Ingress, probes, policies, and PORT itself."""
    wrong: list[str] = []
    for service in of_kind(manifests, "Service"):
        targets = [port["targetPort"] for port in service["spec"]["ports"]]
        for workload in workloads(manifests):
            if service["spec"]["selector"].items() <= pods([workload])[name_of(workload)].items():
                wrong += [f"{name_of(service)}: {port}" for port in targets if port not in _ports(workload)]
    for ingress in of_kind(manifests, "Ingress"):
        wrong += _backends_wrong(ingress, manifests)
    for workload in workloads(manifests):
        wrong += _probes_wrong(workload)
        wrong += _port_settings_wrong(workload, manifests)
    for policy in of_kind(manifests, "NetworkPolicy"):
        wrong += _policy_ports_wrong(policy, manifests)
    return wrong


def _ports(workload: Manifest) -> set[object]:
    named = [port for container in containers(workload) for port in container.get("ports", ())]
    return {port["name"] for port in named} | {port["containerPort"] for port in named}


def _backends_wrong(ingress: Manifest, manifests: list[Manifest]) -> list[str]:
    services = {
        service["metadata"]["name"]: {port["name"] for port in service["spec"]["ports"]}
        for service in of_kind(manifests, "Service")
    }
    return [
        f"{name_of(ingress)}: {path['backend']['service']}"
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
        if path["backend"]["service"]["port"]["name"]
        not in services.get(path["backend"]["service"]["name"], ())
    ]


def _probes_wrong(workload: Manifest) -> list[str]:
    return [
        f"{name_of(workload)}: {probe} asks a port that there is not"
        for container in containers(workload)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        for how in ("httpGet", "tcpSocket")
        if how in container.get(probe, {}) and container[probe][how]["port"] not in _ports(workload)
    ]


def _port_settings_wrong(workload: Manifest, manifests: list[Manifest]) -> list[str]:
    wrong = []
    for container in containers(workload):
        port = environment(container, manifests).get("PORT")
        if port is not None and int(port) not in _ports(workload):
            wrong.append(f"{name_of(workload)}: PORT is {port}")
        wrong += [
            f"{name_of(workload)}: {flag}"
            for flag in container.get("command", ())
            if flag.startswith("--port=") and int(flag.removeprefix("--port=")) not in _ports(workload)
        ]
    return wrong


def _policy_ports_wrong(policy: Manifest, manifests: list[Manifest]) -> list[str]:
    ours = selected(policy["spec"]["podSelector"].get("matchLabels", {}), manifests)
    offered = {name_of(workload): _ports(workload) for workload in workloads(manifests)}
    return [
        f"{name_of(policy)}: lets in to {port['port']}, where {name} does not listen"
        for rule in policy["spec"].get("ingress", ())
        for port in rule.get("ports", ())
        for name in ours
        if port["port"] not in offered[name]
    ]
