"""A standalone Kafka Connect worker as a child process, with its REST interface."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.child import Child
from tests.e2e.java import java
from tests.ports import free_port

_SECONDS = 60
_PROPERTIES = """\
bootstrap.servers={bootstrap}
listeners=HTTP://127.0.0.1:{port}
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename={folder}/offsets
offset.flush.interval.ms=1000
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
"""


class Connect(Child):
    """A running worker."""

    def __init__(
        self, bootstrap: str, folder: Path, connector: Path, environment: Mapping[str, str]
    ) -> None:
        port = free_port()
        self._address = f"http://127.0.0.1:{port}"
        worker = folder / "worker.properties"
        worker.write_text(_PROPERTIES.format(bootstrap=bootstrap, port=port, folder=folder))
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        with (folder / "connect.log").open("wb") as log:
            self._process = subprocess.Popen(
                java(main, worker, connector),
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Sends a request to the REST interface, once it is up, and returns what it responds."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self._address}{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=_SECONDS) as response:
                    content = response.read()
                    return json.loads(content) if content else None
            except (urllib.error.URLError, ConnectionError) as error:
                rejected = isinstance(error, urllib.error.HTTPError) and error.code != 404
                if rejected or time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.2)
