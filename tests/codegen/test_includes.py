"""Each team's products in a file of its own: one catalog, and messages that name the right file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.diagnostics import render_text
from codegen.load import load
from codegen.targets.teams import outputs
from tests.codegen.test_merging import Repository

BASE = Path(__file__).parent / "fixtures/base"
INCLUDE = "include: [products/*.yaml]\n"
TEAMS = 'teams: {platform: {code_owner: "@acme/platform"}, comms: {code_owner: "@acme/comms"}}\n'
MAIL = """\
units:
  page: {title: pages, dimension: count}
products:
  mail:
    title: Mail
    owner: comms
    description: Letters.
    metric_types:
      letter: {unit: page, description: Pages sent.}
"""
FAX = """\
products:
  fax:
    title: Fax
    owner: comms
    description: Facsimiles.
    metric_types:
      sheet: {unit: page, description: Sheets sent.}
"""


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, tmp_path / "schema")
    catalog = tmp_path / "schema/catalog.yaml"
    catalog.write_text(INCLUDE + TEAMS + catalog.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "schema/products").mkdir()
    put(tmp_path / "schema", MAIL)
    return Path("schema")


def put(schema: Path, text: str, name: str = "mail") -> None:
    (schema / f"products/{name}.yaml").write_text(text, encoding="utf-8")


def problems(schema: Path) -> list[str]:
    return [render_text(d) for d in load(schema).diagnostics]


def test_included_products_and_units_are_part_of_the_catalog(schema: Path) -> None:
    put(schema, FAX, "fax")
    model = load(schema).model
    assert model is not None, problems(schema)
    assert [product.name for product in model.catalog.products] == ["api", "fax", "mail"]
    assert [unit.name for unit in model.catalog.units] == ["call", "page"]


def test_code_owners_follow_the_files(schema: Path) -> None:
    model = load(schema).model
    assert model is not None
    (file,) = outputs(model)
    assert getattr(file, "path", "") == ".github/CODEOWNERS"
    assert getattr(file, "text", "").splitlines()[2:] == [
        "/schema/catalog.yaml @acme/platform",
        "/schema/products/mail.yaml @acme/comms",
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # of the file itself
        ("units:\n", "units: [\n", "mail.yaml:1:8: error[syntax]: a ',' is missing"),
        (
            "units:\n",
            "topics: {}\nunits:\n",
            "mail.yaml:1:1: error[unknown-key]: unknown key 'topics'",
        ),
        ("title: Mail", "title: no", "mail.yaml:5:12: error[type]: expected text"),
        # of its JSON Schema
        ("title: Mail", "titel: Mail", "mail.yaml:5:5: error[unknown-key]: unknown key 'titel'"),
        ("  mail:\n", "  Mail:\n", "mail.yaml:4:3: error[name]: invalid name 'Mail'"),
        # of the rules
        ("unit: page,", "unit: pag,", "mail.yaml:9:22: error[unknown-unit]: unknown unit 'pag'"),
        ("owner: comms", "owner: coms", "mail.yaml:6:12: error[unknown-owner]: owner 'coms'"),
        (
            "  mail:\n",
            "  api:\n",
            (
                "mail.yaml:4:3: error[duplicate-key]: 'api' is in products twice; "
                "first written at schema/catalog.yaml:16:3"
            ),
        ),
    ],
)
def test_a_problem_is_located_in_its_own_file(
    before: str, after: str, expected: str, schema: Path
) -> None:
    assert before in MAIL
    put(schema, MAIL.replace(before, after, 1))
    assert any(line.startswith(f"schema/products/{expected}") for line in problems(schema)), (
        problems(schema)
    )


def test_a_catalog_may_have_all_its_products_in_other_files(schema: Path) -> None:
    catalog = schema / "catalog.yaml"
    head, _, products = catalog.read_text(encoding="utf-8").partition("products:\n")
    catalog.write_text(head, encoding="utf-8")
    put(schema, f"products:\n{products}", "api")
    assert problems(schema) == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("teams/*.yaml", "'teams/*.yaml' matches no file: add one, or remove the pattern"),
        ("../*.yaml", "'../*.yaml' is outside of the folder of catalog.yaml"),
        ("/etc/*.yaml", "'/etc/*.yaml' is outside of the folder"),
        ("catalog.yaml", None),
    ],
)
def test_patterns_stay_in_the_folder_and_match_something(
    pattern: str, message: str | None, schema: Path
) -> None:
    catalog = schema / "catalog.yaml"
    text = catalog.read_text(encoding="utf-8")
    catalog.write_text(text.replace("[products", f'["{pattern}", products'), encoding="utf-8")
    found = problems(schema)
    assert (found == []) == (message is None)
    assert message is None or f"catalog.yaml:1:11: error[include]: {message}" in found[0]


def test_teams_with_files_of_their_own_merge(schema: Path, tmp_path: Path) -> None:
    """The catalog itself merges; `generate` alone repairs the generated files."""
    text = (schema / "event.yaml").read_text(encoding="utf-8")
    text = text.replace("set_by: sdk,", "set_by: sdk, constant_per: client,")
    (schema / "event.yaml").write_text(text, encoding="utf-8")
    repository = Repository(tmp_path / "project")
    shutil.copytree(schema, repository.root / "schema")
    repository.git("init", "-q", "-b", "main", ".")
    repository.commit("start")
    letter = "      letter:"
    parcel = "      parcel: {unit: page, description: Parcels.}\n"
    repository.branch("one", (letter, parcel + letter), file="schema/products/mail.yaml")
    repository.git("switch", "-qc", "two", "main")
    put(repository.root / "schema", FAX, "fax")
    repository.commit("two")
    assert not {path for path in repository.conflicts("one") if path.startswith("schema/")}
    repository.generate()
    repository.is_as_generated(tmp_path / "fresh")
