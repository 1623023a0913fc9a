"""Who may see the pages: the log-in, its cookie, and forms of other sites."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from infra.api.answers.rejected import Rejected
from infra.api.answers.routes import Answers
from infra.api.keys.access import Access
from infra.api.keys.key import Key, digest_of, id_of, new_token
from infra.api.keys.keyring import Keyring, change_keys
from infra.api.page.session import Sessions
from infra.api.page.views import Pages
from infra.api.store.pool import Nowhere

_TOKEN = new_token()
_WRITER = new_token()


class _Site:
    def __init__(self, folder: Path) -> None:
        self.now = 1_000_000.0
        keys = [_key(_TOKEN, "read"), _key(_WRITER, "write")]
        change_keys(folder / "keys.json", lambda _: keys)
        keyring = Keyring(folder / "keys.json")
        self.answers = Answers(Access(keyring, 0), Nowhere(), Rejected({}))
        pages = Pages(Sessions(keyring, lambda: self.now), self.answers)
        self._app = Starlette(
            routes=[Route(path, page, methods=methods) for path, page, methods in pages.paths()]
        )

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
                return await client.request(method, path, **arguments)

        return asyncio.run(ask())

    def log_in(self, token: str, target: str = "/", **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(
            "POST", "/login", params={"next": target}, data={"key": token}, headers=given
        )


def _key(token: str, scope: str) -> Key:
    digest = digest_of(token)
    return Key(id_of(digest), digest, "svc", (scope,), None, "2026-01-01T00:00:00Z")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[_Site]:
    found = _Site(tmp_path)
    yield found
    found.answers.close()


def test_whoever_is_not_logged_in_is_asked_to(site: _Site) -> None:
    response = site.ask("GET", "/events?model=a")
    assert response.status_code == 303
    assert response.headers["location"] == "/login?next=%2Fevents%3Fmodel%3Da"


def test_the_cookie_names_the_key_and_does_not_hold_it(site: _Site) -> None:
    response = site.log_in(_TOKEN, "/events?model=a")
    assert (response.status_code, response.headers["location"]) == (303, "/events?model=a")
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert _TOKEN not in cookie
    assert digest_of(_TOKEN) not in cookie


@pytest.mark.parametrize("token", ["", "nobody's", _WRITER], ids=["none", "unknown", "writer"])
def test_a_key_that_may_not_read_is_refused(site: _Site, token: str) -> None:
    response = site.log_in(token)
    assert response.status_code in {401, 403}
    assert "set-cookie" not in response.headers


def test_a_session_cannot_be_forged_and_ends(site: _Site) -> None:
    cookie = site.log_in(_TOKEN).cookies["usage_session"]
    claim, _, signature = cookie.rpartition(".")
    # The store is away, which only who is logged in learns.
    assert site.ask("GET", "/", headers={"cookie": f"usage_session={cookie}"}).status_code == 503
    for forged in (claim, f"{claim}0.{signature}", f"{claim}.{'0' * 64}", "x", "é.1.x"):
        response = site.ask("GET", "/", headers={"cookie": f"usage_session={forged}".encode()})
        assert response.status_code == 303
    site.now += 12 * 3600 + 1
    assert site.ask("GET", "/", headers={"cookie": f"usage_session={cookie}"}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://elsewhere.example"}, {"sec_fetch_site": "cross-site"}, {"origin": "null"}],
)
def test_forms_of_other_sites_are_refused(site: _Site, headers: dict[str, str]) -> None:
    assert site.log_in(_TOKEN, **headers).status_code == 403
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    assert site.ask("POST", "/logout", headers=given).status_code == 403


@pytest.mark.parametrize("target", ["//elsewhere.example", "https://elsewhere.example", "/\\x"])
def test_a_log_in_leads_to_this_site_alone(site: _Site, target: str) -> None:
    assert site.log_in(_TOKEN, target).headers["location"] == "/"


def test_what_is_shown_is_escaped_and_nothing_else_runs(site: _Site) -> None:
    cookie = site.log_in(_TOKEN).headers["set-cookie"].partition(";")[0]
    script = "<script>alert(1)</script>"
    response = site.ask("GET", f"/?month={script}", headers={"cookie": cookie})
    assert response.status_code == 422
    assert "<script>alert" not in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'self';")
