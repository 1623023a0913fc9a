"""The settings of Kafka for clients of the caller's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._reporting import logger
from ._secret import Password, Secret
from ._security import check
from ._settings import Settings, hide_arguments

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._generated.calls import SettingArguments


def kafka_properties(
    kafka_brokers: str | list[str] | None = None, **settings: Unpack[SettingArguments]
) -> dict[str, Any]:
    """Returns the settings of Kafka as `EkaClient` resolves them, under librdkafka's names.

    They are for a consumer or an admin client of your own that reaches the same Kafka with the same
    environment variables. The password is among them: a repr shows it as `***`, but `json.dumps`,
    for one, does not.

    Args:
        kafka_brokers: addresses `host:port`, as a list or separated by commas.
        settings: see `docs/settings.md`; each overrides its environment variable.

    Raises:
        ConfigError: a setting cannot be used, or brokers or credentials are missing.
    """
    settings = hide_arguments(settings)  # type: ignore[assignment]
    resolved = Settings.resolve({**settings, "kafka_brokers": kafka_brokers})
    check(resolved, {})
    properties = {**resolved.librdkafka(), **resolved.password_property(logger.warning)}
    return {
        name: Password(value.reveal()) if isinstance(value, Secret) else value
        for name, value in properties.items()
    }
