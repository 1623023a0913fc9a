"""The public API: exactly these names, typed, and cheap to import."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import get_type_hints

import eka_usage
import eka_usage.testing
import yaml

from sdks.python.tests.support import REPOSITORY

PACKAGE = Path(eka_usage.__path__[0])
PUBLIC = {
    "BILLABLE",
    "CATALOG_VERSION",
    "BoundClient",
    "ClientClosedError",
    "ConfigError",
    "DEAD_LETTER_TOPIC",
    "DEFAULT_LOG_LEVEL",
    "DEFAULT_STATUS",
    "DeliveryError",
    "EkaClient",
    "EkaError",
    "ErrorCode",
    "ErrorContext",
    "LOG_LEVELS",
    "LogLevel",
    "METRIC_TYPES",
    "MetadataDegradedError",
    "Metric",
    "OnError",
    "PRODUCTS",
    "Product",
    "ProducerLike",
    "QueueFullError",
    "SDK_VERSION",
    "SETTINGS",
    "STATUSES",
    "Session",
    "Setting",
    "ShutdownTimeoutError",
    "SpoolError",
    "Stats",
    "Status",
    "USAGE_TOPIC",
    "Usage",
    "UsageEvent",
    "ValidationError",
    "__version__",
    "add_arguments",
    "config_of",
    "find_event_type",
    "find_metric",
    "is_metric_type",
    "is_product",
    "kafka_properties",
    "metrics",
}
# Each takes time to import, and a service that only records needs none of them.
HEAVY = {"ctypes", "difflib", "multiprocessing", "numpy", "pytest", "unittest", "zoneinfo"}


def modules(statement: str) -> set[str]:
    """Returns the modules that a new interpreter has loaded after a statement."""
    program = f"{statement}; import sys; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(printed.stdout.split())


def test_exactly_these_names_are_public() -> None:
    assert set(eka_usage.__all__) == PUBLIC
    assert eka_usage.testing.__all__ == ["InMemoryProducer"]
    for name in PUBLIC:
        assert getattr(eka_usage, name) is not None


def test_every_other_attribute_of_the_package_is_a_module() -> None:
    found = {name for name in vars(eka_usage) if name.isidentifier() and name[0] != "_"}
    assert found - PUBLIC <= {path.stem for path in PACKAGE.glob("*")}


def test_every_other_module_of_the_package_is_private() -> None:
    found = {path.stem for path in PACKAGE.glob("*") if not path.name.startswith("_")}
    assert found == {"http", "opentelemetry", "prometheus", "py", "spool", "testing"}


def test_public_classes_and_functions_name_eka_usage_as_their_module() -> None:
    for name in PUBLIC:
        item = getattr(eka_usage, name)
        if isinstance(item, (type, FunctionType)):
            assert item.__module__ == "eka_usage"
            assert pickle.loads(pickle.dumps(item)) is item
        if isinstance(item, type):
            get_type_hints(item)


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_the_import_loads_no_heavy_module_beyond_its_dependencies() -> None:
    loaded = modules("import eka_usage") - modules("import confluent_kafka, msgspec")
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


def test_recording_loads_no_heavy_module_beyond_the_dependencies() -> None:
    program = (
        "from eka_usage import EkaClient; from eka_usage.testing import InMemoryProducer;"
        " c = EkaClient('s', producer=InMemoryProducer());"
        " assert c.record('w', 'api', 'api_call', 1.5, metadata={'a': [1]}); c.shutdown()"
    )
    loaded = modules(program) - modules("import confluent_kafka, msgspec")
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


def test_the_version_is_the_same_everywhere() -> None:
    catalog = yaml.safe_load((REPOSITORY / "schema/catalog.yaml").read_text(encoding="utf-8"))
    assert eka_usage.__version__ == eka_usage.SDK_VERSION == catalog["version"]
    assert eka_usage.CATALOG_VERSION.partition("+")[0] == catalog["version"]
    assert version("eka-usage-sdk") == catalog["version"]


def test_product_and_metric_names_can_be_looked_up() -> None:
    assert eka_usage.is_product("api")
    assert eka_usage.is_metric_type("api_call", "api")
    assert eka_usage.find_metric("api", "api_call") is eka_usage.metrics.api.api_call
    for value in ("bogus", "", None, 5, ["api"], ("api",)):
        assert not eka_usage.is_product(value)
        assert not eka_usage.is_metric_type(value, "api")
    assert not eka_usage.is_metric_type("api_call", "bogus")  # type: ignore[arg-type]
    assert eka_usage.find_metric("api", "sms") is None
    assert eka_usage.find_event_type("api.api_call") is eka_usage.metrics.api.api_call
    for value in ("api", "api.sms", "api/api_call", "", None, ["api.api_call"]):
        assert eka_usage.find_event_type(value) is None  # type: ignore[arg-type]
