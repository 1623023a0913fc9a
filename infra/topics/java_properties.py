"""Translates the TLS and SASL settings of a Java client's properties file for librdkafka."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Settings whose values are the same in both clients.
_SHARED = {
    "security.protocol": "security.protocol",
    "sasl.mechanism": "sasl.mechanism",
    "ssl.endpoint.identification.algorithm": "ssl.endpoint.identification.algorithm",
    "ssl.truststore.location": "ssl.ca.location",
    "ssl.keystore.location": "ssl.keystore.location",
    "ssl.keystore.password": "ssl.keystore.password",
    "ssl.key.password": "ssl.key.password",
}
_JAAS = re.compile(r'\b(username|password)="((?:[^"\\]|\\.)*)"')


class ConfigError(ValueError):
    """The file has a setting that this client does not support."""


def client_config(text: str) -> dict[str, str]:
    """Returns the librdkafka configuration for the text of a properties file."""
    properties = _parse(text)
    config = {ours: properties[java] for java, ours in _SHARED.items() if java in properties}
    for kind, store, ours in (
        ("PEM", "ssl.truststore", "ssl.ca.location"),
        ("PKCS12", "ssl.keystore", "ssl.keystore.location"),
    ):
        given = properties.get(f"{store}.type", "JKS").upper()
        if ours in config and given != kind:
            raise ConfigError(
                f"{store}.type is {given}, which only Java supports: use {kind}, "
                "or put kafka-topics.sh on the PATH"
            )
    if "sasl.jaas.config" in properties:
        login = dict(_JAAS.findall(properties["sasl.jaas.config"]))
        if login.keys() != {"username", "password"}:
            raise ConfigError('sasl.jaas.config must have username="…" and password="…"')
        for name, value in login.items():
            config[f"sasl.{name}"] = re.sub(r"\\(.)", r"\1", value)
    return config


def _parse(text: str) -> Mapping[str, str]:
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\n[ \t]*", r"\1", text)
    lines = (line.strip() for line in joined.splitlines())
    pairs = (re.split(r"\s*[=:]\s*", line, maxsplit=1) for line in lines if line[:1] not in "#!")
    return {pair[0]: re.sub(r"\\(.)", r"\1", pair[1]) for pair in pairs if len(pair) == 2}
