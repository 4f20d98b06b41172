"""As it runs in production: by https, with the cookie that only https may carry."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from tests.browser.site import LOG, fill_in_and_send
from tests.databases import Database
from tests.servers import free_port


@pytest.fixture
def https_url(world: Database, tmp_path: Path) -> Iterator[str]:
    """The world served by https, with a certificate of the test's own making."""
    port = free_port()
    url = f"https://localhost:{port}"
    app = create_app(Settings(data_dir=tmp_path, database_url=world.url, secret_key="s" * 32, public_url=url))
    certificate = trustme.CA().issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(str(key))
    for number, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(str(chain), append=number > 0)
    server = make_server("127.0.0.1", port, app, threaded=True, ssl_context=(str(chain), str(key)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        with app.app_context():
            db.engine.dispose()


def test_the_production_cookie_signs_in_and_out(https_url: str, browser: Browser) -> None:
    context = browser.new_context(base_url=https_url, ignore_https_errors=True, locale="en-GB")
    page = context.new_page()
    page.goto(f"{LOG}?category=team")
    fill_in_and_send(page, "ines")
    expect(page).to_have_url(f"{https_url}{LOG}?category=team")

    (cookie,) = [each for each in context.cookies() if "auditweb" in each.get("name", "")]
    assert cookie.get("name") == "__Host-auditweb"
    assert (cookie.get("secure"), cookie.get("httpOnly"), cookie.get("sameSite")) == (True, True, "Lax")
    assert (cookie.get("path"), cookie.get("domain"), cookie.get("expires")) == ("/", "localhost", -1)

    page.locator("#tab-veh").click()
    expect(page).to_have_url(f"{https_url}{LOG}?category=vehicles")
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{https_url}/sign-in")
    page.go_back()
    expect(page.get_by_label("E-mail address")).to_be_visible()
    context.close()
