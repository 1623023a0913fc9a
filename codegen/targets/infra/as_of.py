"""ClickHouse: the views as of a time, which are the views over the rows that had arrived by then.

They are made from the text of the views, so that neither can differ from the other: each view that
they read is read as of that time, of the table the rows that had arrived, and it is now that time.
A copy of an event that arrives later changes nothing, as the first to arrive counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_VIEW = re.compile(r"^CREATE OR REPLACE VIEW (\S+) AS$", re.MULTILINE)
_TIME = "{as_of:DateTime64(3, 'UTC')}"
_NOW = "now64(3, 'UTC')"
_ARRIVED = "(SELECT * FROM {} WHERE {} <= {})"
SUFFIX = "_as_of"


def as_of(scripts: Iterable[str], names: Mapping[str, Any]) -> list[str]:
    """Returns the statements of the views in scripts, each under its name with a suffix."""
    text = "".join(scripts)
    views = _VIEW.findall(text)
    events = re.compile(rf"\b{re.escape(names['database'])}\.{names['events']}\b( FINAL)?")
    reads = re.compile(rf"\b(?:{'|'.join(map(re.escape, views))})\b(?! AS$)", re.MULTILINE)

    def arrived(match: re.Match[str]) -> str:
        return _ARRIVED.format(match[0], names["ingested"], _TIME)

    statements = []
    for part in text.split(";\n"):
        found = _VIEW.search(part)
        if found is None:
            continue
        body = events.sub(arrived, part[found.end() :].replace(_NOW, _TIME))
        body = reads.sub(lambda match: f"{match[0]}{SUFFIX}(as_of={_TIME})", body)
        statements.append(f"CREATE OR REPLACE VIEW {found[1]}{SUFFIX} AS{body}")
    return statements
