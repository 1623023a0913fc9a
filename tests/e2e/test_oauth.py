"""OAUTHBEARER through the pass-through of each SDK, on Apache Kafka that validates the token."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from eka_usage import USAGE_TOPIC

from tests.conformance.drivers import build
from tests.e2e.java import needs_kafka
from tests.e2e.reader import read_events
from tests.e2e.real_broker import RealBroker
from tests.e2e.services import SERVICES
from tests.environment import environment

_VALIDATED = r"""sasl.enabled.mechanisms=PLAIN,OAUTHBEARER
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=\
  org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
  unsecuredLoginStringClaim_sub="broker";
"""
_SECONDS = 120


def _part(claims: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def _token(lifetime: int) -> str:
    """Returns a token without a signature, which Kafka's validator for development accepts."""
    now = int(time.time())
    return (
        f"{_part({'alg': 'none'})}.{_part({'sub': 'billing', 'iat': now, 'exp': now + lifetime})}."
    )


@needs_kafka
@pytest.mark.timeout(400)
def test_every_sdk_authenticates_by_a_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(_token(3600))
    with RealBroker(tmp_path, _VALIDATED) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.create_topics([NewTopic(USAGE_TOPIC, 3, 1)])[USAGE_TOPIC].result()
        settings = environment(
            kafka_brokers=broker.secure,
            kafka_security_protocol="SASL_SSL",
            kafka_ssl_ca_location=str(broker.ca),
            spool="off",
        )
        recorded = []
        for language, (folder, command) in SERVICES.items():
            build(language)
            ended = subprocess.run(
                [str(part).replace("service", "oauth") for part in command],
                cwd=folder,
                env={**settings, "TOKEN_FILE": str(token)},
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            event_id, delivered = ended.stdout.split() or ("", ended.stderr)
            assert delivered == "1", f"{language}: {ended.stderr}"
            recorded.append(event_id)
        assert {event.event_id for event in read_events(broker.bootstrap)} == set(recorded)
