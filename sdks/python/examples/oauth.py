"""Records one event by OAUTHBEARER, with a token from the file that TOKEN_FILE names.

In place of a file, a service asks its identity provider. The other settings are variables, among
them EKA_KAFKA_SECURITY_PROTOCOL=SASL_SSL.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

from eka_usage import EkaClient


def token(_: str) -> tuple[str, float]:
    """Returns a token and when it expires, in seconds since 1970; called again before that."""
    text = Path(os.environ["TOKEN_FILE"]).read_text("ascii").strip()
    claims = text.split(".")[1]
    decoded = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    return text, float(json.loads(decoded)["exp"])


oauth = {"sasl.mechanisms": "OAUTHBEARER", "oauth_cb": token}
with EkaClient("python-oauth", kafka_config=oauth) as client:
    event_id = client.record("workspace-1", "api", "api_call")
    client.flush()
sys.stdout.write(f"{event_id} {client.stats().delivered}\n")
