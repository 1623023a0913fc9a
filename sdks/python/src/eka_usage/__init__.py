"""Reports usage: `EkaClient(service_name).record(workspace_id, product, metric_type, quantity)`.

The names of products, metric types and statuses come from the catalog; `metrics` holds a constant
for each metric type. Errors never reach a caller of `record()`: they reach `on_error`, with a code.
"""

from . import _public
from ._bind import BoundClient
from ._client import EkaClient
from ._errors import (
    ClientClosedError,
    ConfigError,
    DeliveryError,
    EkaError,
    ErrorContext,
    MetadataDegradedError,
    QueueFullError,
    ShutdownTimeoutError,
    SpoolError,
    ValidationError,
)
from ._flags import add_arguments, config_of
from ._generated import metrics
from ._generated.catalog import (
    BILLABLE,
    CATALOG_VERSION,
    DEAD_LETTER_TOPIC,
    DEFAULT_LOG_LEVEL,
    DEFAULT_STATUS,
    LOG_LEVELS,
    METRIC_TYPES,
    PRODUCTS,
    SDK_VERSION,
    STATUSES,
    USAGE_TOPIC,
    LogLevel,
    Product,
    Status,
)
from ._generated.errors import ErrorCode
from ._generated.events import UsageEvent
from ._generated.settings import SETTINGS, Setting
from ._kafka_properties import kafka_properties
from ._ledger import Stats
from ._lookup import find_event_type, find_metric, is_metric_type, is_product
from ._metric import Metric
from ._reporting import OnError
from ._session import Session
from ._transports.injected import ProducerLike
from ._typed import Usage

__version__ = SDK_VERSION

__all__ = [
    "BILLABLE",
    "CATALOG_VERSION",
    "DEAD_LETTER_TOPIC",
    "DEFAULT_LOG_LEVEL",
    "DEFAULT_STATUS",
    "LOG_LEVELS",
    "METRIC_TYPES",
    "PRODUCTS",
    "SDK_VERSION",
    "SETTINGS",
    "STATUSES",
    "USAGE_TOPIC",
    "BoundClient",
    "ClientClosedError",
    "ConfigError",
    "DeliveryError",
    "EkaClient",
    "EkaError",
    "ErrorCode",
    "ErrorContext",
    "LogLevel",
    "MetadataDegradedError",
    "Metric",
    "OnError",
    "ProducerLike",
    "Product",
    "QueueFullError",
    "Session",
    "Setting",
    "ShutdownTimeoutError",
    "SpoolError",
    "Stats",
    "Status",
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
]

_public.move_to_package(__name__, __all__, globals())
