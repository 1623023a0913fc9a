"""What operators of a cluster do: permissions, quotas and moving partitions to other brokers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from eka_usage import USAGE_TOPIC

from tests.e2e.java import java
from tests.e2e.real_broker import USER

_WRITES = (
    ResourceType.TOPIC,
    USAGE_TOPIC,
    ResourcePatternType.LITERAL,
    f"User:{USER}",
    "*",
    AclOperation.WRITE,
    AclPermissionType.ALLOW,
)


def grant_writes(admin: AdminClient) -> None:
    """Permits services to write to the usage topic."""
    for granted in admin.create_acls([AclBinding(*_WRITES)]).values():
        granted.result()


def revoke_writes(admin: AdminClient) -> None:
    """Takes that permission away."""
    for revoked in admin.delete_acls([AclBindingFilter(*_WRITES)]).values():
        revoked.result()


def limit_rate(bootstrap: str, bytes_per_second: int | None) -> None:
    """Sets the services' quota on each broker, or removes it."""
    config = "producer_byte_rate"
    change = (
        ("--delete-config", config)
        if bytes_per_second is None
        else ("--add-config", f"{config}={bytes_per_second}")
    )
    user = ("--entity-type", "users", "--entity-name", USER)
    _run("kafka.admin.ConfigCommand", bootstrap, "--alter", *user, *change)


def assign_replicas(bootstrap: str, replicas: Mapping[int, Sequence[int]], folder: Path) -> None:
    """Moves partitions of the usage topic to these brokers."""
    plan = folder / "reassignment.json"
    partitions = [
        {"topic": USAGE_TOPIC, "partition": partition, "replicas": brokers}
        for partition, brokers in replicas.items()
    ]
    plan.write_text(json.dumps({"version": 1, "partitions": partitions}))
    command = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
    _run(command, bootstrap, "--reassignment-json-file", plan, "--execute")


def _run(command: str, bootstrap: str, *arguments: str | Path) -> None:
    line = java(command, "--bootstrap-server", bootstrap, *arguments)
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{command} failed:\n{ended.stdout}{ended.stderr}")
