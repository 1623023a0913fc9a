"""Releases: which tags may be published, and the workflows."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import release

_WORKFLOW: Any = yaml.safe_load((release.ROOT / ".github/workflows/publish-ts.yml").read_text())
_BUILD, _PUBLISH = _WORKFLOW["jobs"]["build"], _WORKFLOW["jobs"]["publish"]
_WORKFLOWS = sorted((release.ROOT / ".github/workflows").glob("*.yml"))
_PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def versions(root: Path, *, package: str, catalog: str) -> Path:
    """Makes a repository with these versions."""
    for path, text in (
        ("sdks/typescript/package.json", json.dumps({"version": package})),
        ("schema/catalog.yaml", f"version: {catalog}\n"),
    ):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    return root


def test_a_tag_of_the_common_version_may_be_published(tmp_path: Path) -> None:
    assert release.problems("ts-v1.2.3", versions(tmp_path, package="1.2.3", catalog="1.2.3")) == []


@pytest.mark.parametrize(
    ("tag", "package", "catalog", "files"),
    [
        ("ts-v1.2.4", "1.2.3", "1.2.3", ["package.json", "catalog.yaml"]),
        ("ts-v1.2.3", "1.2.2", "1.2.3", ["package.json"]),
        ("ts-v1.2.3", "1.2.3", "1.2.4", ["catalog.yaml"]),
    ],
)
def test_a_version_that_differs_is_reported(
    tmp_path: Path, tag: str, package: str, catalog: str, files: list[str]
) -> None:
    found = release.problems(tag, versions(tmp_path, package=package, catalog=catalog))
    assert [problem.split(" has version ")[0].rsplit("/")[-1] for problem in found] == files


@pytest.mark.parametrize("tag", ["v1.2.3", "ts-v1.2", "ts-v1.2.3-rc1", "ts-v1.2.3\n", ""])
def test_a_malformed_tag_is_rejected(tag: str) -> None:
    assert "must be ts-v and a version" in release.problems(tag)[0]


def test_this_repository_may_be_tagged(capsys: pytest.CaptureFixture[str]) -> None:
    version = json.loads((release.ROOT / "sdks/typescript/package.json").read_text())["version"]
    assert release.main([f"ts-v{version}"]) == 0
    assert release.main(["ts-v0.0.0"]) == 1
    assert "run `make generate`, and tag that commit" in capsys.readouterr().err


def test_the_workflow_builds_and_tests_with_read_rights_only() -> None:
    assert _WORKFLOW[True]["push"]["tags"] == ["ts-v*"]  # YAML parses `on` as a boolean
    commands = [step["run"] for step in _BUILD["steps"] if "run" in step]
    order = [
        next(place for place, command in enumerate(commands) if part in command)
        for part in ("infra.release", "codegen check", "npm test", "npm pack")
    ]
    assert order == sorted(order)
    assert _WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in _BUILD
    assert "secrets." not in str(_BUILD)


def test_the_job_that_publishes_runs_no_code_of_the_repository_or_of_dependencies() -> None:
    assert _PUBLISH["needs"] == "build"
    assert _PUBLISH["permissions"] == {"packages": "write"}
    used = [step["uses"].partition("@")[0] for step in _PUBLISH["steps"] if "uses" in step]
    assert used == ["actions/download-artifact", "actions/setup-node"]
    commands = [step["run"] for step in _PUBLISH["steps"] if "run" in step]
    assert commands == ["npm publish --ignore-scripts ./*.tgz"]


def test_the_registry_is_named_where_the_package_is_published_and_nowhere_else() -> None:
    registry = "npm.pkg" + ".github.com"
    listed = subprocess.run(
        ["git", "grep", "--files-with-matches", "--fixed-strings", registry],
        cwd=release.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    places = {".github/workflows/publish-ts.yml", "sdks/typescript/package.json"}
    assert set(listed.stdout.split()) == places


def test_the_package_names_the_repository_of_its_provenance() -> None:
    package = json.loads((release.ROOT / "sdks/typescript/package.json").read_text())
    assert package["repository"] == "github:eka-care/eka-usage-sdk"


@pytest.mark.parametrize("workflow", _WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_and_names_its_version(workflow: Path) -> None:
    """A tag can be moved to other code; the comment is what an update tool reads."""
    actions = re.findall(r"\buses:\s*(.+)", workflow.read_text())
    assert actions
    assert [action for action in actions if not _PINNED.fullmatch(action)] == []
