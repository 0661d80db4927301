"""The web page in a browser, by mouse and keyboard, with the whole service."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.api import pages
from dev.deploy.smoke import with_key
from dev.http_client import ask
from dev.local import demo
from dev.local.ports import own_port
from tests.e2e import browser as browsers
from tests.e2e.browser import Visitor, axe_script, barriers, keep, keep_key, make_key, make_link
from tests.e2e.conftest import Running
from tests.paths import ROOT

if TYPE_CHECKING or browsers.IS_THERE:
    from playwright.sync_api import Browser, Locator, Page, Route, expect

    expect.set_options(timeout=browsers.EXPECT_SECONDS * 1000)

TARGET = "http://example.com/target"
EVIL = '"><img/src="x"onerror="window.hacked=1">'  # without a space, which no address has
COUNTED_WITHIN = demo.COUNT_SECONDS
UNDO_SECONDS = 6
_HAS_RUN = "url => import(url).then(() => null)"  # a module runs once: what imports it waits for the run that is on


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with a second domain, which is open to no workspace until a test opens it."""
    service = Running(own_port(), own_port(), tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOMAINS", "team.localhost=team")
        service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def chromium(running: Running) -> Iterator[Browser]:  # noqa: ARG001  # what is started first is stopped last
    """A browser for all tests of this module."""
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture
def ann(chromium: Browser, running: Running) -> Iterator[Visitor]:
    """A first-time visitor; the test fails on script errors and CSP violations."""
    with browsers.visitor(chromium, running.base_url) as someone:
        yield someone


@pytest.fixture(scope="module")
def many_at_once(chromium: Browser, running: Running) -> Iterator[Page]:
    """The bulk view, for tests without requests to the service."""
    with browsers.visitor(chromium, running.base_url) as someone:
        yield someone.open("/#/bulk")


@pytest.fixture
def shown(many_at_once: Page) -> Iterator[Page]:
    """The same view for each test, without the routes of the test before."""
    yield many_at_once
    many_at_once.unroute_all()


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """An API key that several tests share."""
    return key_of(running)


def shorten(page: Page, url: str) -> str:
    """Shorten a URL with the form; return the short URL that it shows."""
    page.get_by_label("Address to shorten").fill(url)
    page.get_by_role("button", name="Shorten", exact=True).click()
    result = page.get_by_role("region", name="Your short link")
    expect(result).to_contain_text(url)
    href = result.get_by_role("link").first.get_attribute("href")
    assert href is not None
    return href


def card(page: Page, link: dict[str, Any]) -> Locator:
    """Return the card of a link in the list."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("link", name=short(link), exact=True))


def short(link: dict[str, Any]) -> str:
    """Return a short URL as the page shows it."""
    return str(link["shortUrl"]).split("://", 1)[1]


def until(happens: Callable[[], bool], seconds: float = COUNTED_WITHIN) -> bool:
    """Tell whether a condition is met in time."""
    give_up = time.monotonic() + seconds
    while not (did := happens()) and time.monotonic() < give_up:
        time.sleep(0.2)
    return did


def visits_of(link: dict[str, Any], running: Running) -> int:
    """Return how many visits the service has counted."""
    _, shown = with_key(running.base_url, link["manageKey"], "GET", f"/links/{link['code']}")
    total: int = shown["visits"]["total"]
    return total


class Late:
    """Scripts that are held back until they are released, in the order of the requests."""

    def __init__(self, page: Page, *names: str) -> None:
        self._page = page
        self._waiting: list[Route] = []
        page.route(re.compile(rf"/assets/({'|'.join(names)})\.js$"), self._hold)

    def _hold(self, route: Route) -> None:
        self._waiting.append(route)

    def come(self) -> None:
        """Release the next script, and wait until it has run."""
        give_up = time.monotonic() + browsers.EXPECT_SECONDS
        while not self._waiting:
            assert time.monotonic() < give_up, "The page asked for no script."
            self._page.wait_for_timeout(10)  # what the browser says is heard meanwhile
        route = self._waiting.pop(0)
        route.continue_()
        self._page.evaluate(_HAS_RUN, route.request.url)


def arrive(link: dict[str, Any], running: Running, **headers: str) -> None:
    """Follow a link with the given headers and a browser's Accept."""
    sent = {"Accept": "text/html"} | {name.replace("_", "-"): text for name, text in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.request("GET", f"/{link['code']}", headers=sent)
    assert connection.getresponse().status == 302
    connection.close()


class TestALink:
    """Creating, copying, following, changing and deleting a link."""

    def test_paste_copy_follow(self, ann: Visitor) -> None:
        """A pasted URL is shortened, and the copied short link redirects to it."""
        page = ann.open()
        made = shorten(page, f"{TARGET}?a=b&c=%20#part")

        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("() => navigator.clipboard.readText()")
        page.goto(copied)

        assert copied == made
        assert page.url == f"{TARGET}?a=b&c=%20#part"

    def test_typing_works_before_scripts_load(self, ann: Visitor) -> None:
        """Text typed and sent before the scripts have loaded is kept, and so is the focus."""
        page = ann.page
        late = Late(page, "page", "shorten")
        page.goto(ann.base_url, wait_until="commit")
        field = page.get_by_label("Address to shorten")
        expect(field).to_be_focused()
        field.press_sequentially("example.com/fast")

        late.come()
        expect(field).to_be_focused()
        page.keyboard.press("Enter")
        late.come()

        expect(page.get_by_role("region", name="Your short link")).to_contain_text("https://example.com/fast")

    def test_options_opened_early_stay_open(self, ann: Visitor) -> None:
        """The fields appear in the open section when the scripts have loaded."""
        page = ann.page
        late = Late(page, "shorten")
        page.goto(ann.base_url, wait_until="commit")
        page.get_by_text("Options", exact=True).click()

        late.come()

        expect(page.get_by_label("Alias")).to_be_visible()

    def test_error_is_shown_at_its_field(self, ann: Visitor) -> None:
        """The field is marked as invalid, described by the error, and focused."""
        page = ann.open()
        page.get_by_label("Address to shorten").fill("javascript:alert(1)")

        page.get_by_role("button", name="Shorten", exact=True).click()

        field = page.get_by_label("Address to shorten")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        expect(field).to_have_accessible_description(re.compile(r"\w{3,}"))

    def test_taken_alias_is_shown_while_typing(self, ann: Visitor, running: Running) -> None:
        """The error is shown before the form is sent."""
        make_link(running.base_url, alias="taken-one")
        page = ann.open()
        page.get_by_text("Options", exact=True).click()

        page.get_by_label("Alias").fill("taken-one")
        expect(page.get_by_role("status").filter(has_text="has this alias")).to_be_visible()
        page.get_by_label("Alias").fill("not-taken-one")

        expect(page.get_by_role("status").filter(has_text="not-taken-one is free")).to_be_visible()

    def test_options_reach_the_service(self, ann: Visitor, running: Running) -> None:
        """The created link has the title, tags, alias and end of the form."""
        page = ann.open()
        page.get_by_text("Options", exact=True).click()
        page.get_by_label("Alias").fill("summer-sale")
        page.get_by_label("Title").fill("Summer sale")
        page.get_by_label("Tags").fill("summer, sale")
        page.get_by_label("Works for").select_option(label="a day")

        shorten(page, TARGET)

        key = page.evaluate("() => JSON.parse(localStorage.getItem('links'))[0][1]")
        _, link = with_key(running.base_url, key, "GET", "/links/summer-sale")
        assert (link["title"], sorted(link["tags"]), link["expiresAt"] is None) == (
            "Summer sale",
            ["sale", "summer"],
            False,
        )

    def test_count_is_updated(self, ann: Visitor, running: Running) -> None:
        """A visit is shown in the list within seconds."""
        link = make_link(running.base_url)
        keep(ann, link)
        expect(card(ann.open("/#/links"), link)).to_contain_text("0 visits")

        ann.page.goto(link["shortUrl"])
        assert until(lambda: visits_of(link, running) == 1)

        expect(card(ann.open("/#/links"), link)).to_contain_text("1 visit")

    def test_changed_target_is_used(self, ann: Visitor, running: Running) -> None:
        """The short link redirects to the new target."""
        link = make_link(running.base_url)
        keep(ann, link)
        place = card(ann.open("/#/links"), link)

        place.get_by_role("button", name="Edit").click()
        place.get_by_label("Leads to", exact=True).fill("http://example.com/changed")
        place.get_by_role("button", name="Save").click()
        expect(place).to_contain_text("example.com/changed")
        ann.page.goto(link["shortUrl"])

        assert ann.page.url == "http://example.com/changed"

    def test_refused_change_shows_the_error(self, ann: Visitor, running: Running) -> None:
        """The error is shown at its field; the link is unchanged."""
        link = make_link(running.base_url)
        keep(ann, link)
        place = card(ann.open("/#/links"), link)

        place.get_by_role("button", name="Edit").click()
        field = place.get_by_label("Leads to", exact=True)
        field.fill("ftp://example.com/")
        place.get_by_role("button", name="Save").click()

        expect(field).to_have_attribute("aria-invalid", "true")
        assert ask(running.base_url, "GET", f"/{link['code']}")[1] == TARGET

    def test_concurrent_change_is_not_overwritten(self, ann: Visitor, running: Running) -> None:
        """Saving an outdated version shows an error and the newest version."""
        link = make_link(running.base_url)
        keep(ann, link)
        place = card(ann.open("/#/links"), link)
        place.get_by_role("button", name="Edit").click()
        expect(place.get_by_label("Leads to", exact=True)).to_be_visible()
        address = f"/links/{link['code']}"
        with_key(running.base_url, link["manageKey"], "PATCH", address, {"title": "Theirs"})

        place.get_by_label("Title").fill("Ours")
        place.get_by_role("button", name="Save").click()

        expect(place.get_by_role("alert").filter(has_text="meantime")).to_be_visible()
        expect(place.get_by_label("Title")).to_have_value("Theirs")

    def test_link_can_be_switched_off_and_on(self, ann: Visitor, running: Running) -> None:
        """Visitors get 410 while it is off, and the target afterwards."""
        link = make_link(running.base_url)
        keep(ann, link)
        place = card(ann.open("/#/links"), link)
        place.get_by_role("button", name="Switch off").click()
        expect(place.get_by_role("button", name="Switch on")).to_be_visible()

        answer = ann.page.goto(link["shortUrl"])

        assert answer is not None
        assert answer.status == 410
        expect(ann.page.get_by_role("heading", level=1)).to_contain_text("switched off")
        place = card(ann.open("/#/links"), link)
        place.get_by_role("button", name="Switch on").click()
        expect(place.get_by_role("button", name="Switch off")).to_be_visible()
        ann.page.goto(link["shortUrl"])
        assert ann.page.url == TARGET

    def test_deletion_can_be_undone(self, ann: Visitor, running: Running) -> None:
        """The request is sent after the time for an undo; then the link is deleted."""
        link = make_link(running.base_url)
        keep(ann, link)
        ann.page.clock.install()
        page = ann.open("/#/links")
        card(page, link).get_by_role("button", name="Delete").click()
        expect(card(page, link)).to_have_count(0)

        page.get_by_role("button", name="Undo").click()
        expect(card(page, link)).to_be_visible()
        page.clock.run_for((UNDO_SECONDS + 1) * 1000)
        undone = [each for each in ann.asked if each.startswith("DELETE")]
        card(page, link).get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        with page.expect_response(lambda answer: answer.request.method == "DELETE") as deleted:
            page.clock.run_for(UNDO_SECONDS * 1000)
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)

        assert undone == []
        assert deleted.value.status == 204
        assert len([each for each in ann.asked if each.startswith("DELETE")]) == 1
        assert until(lambda: ask(running.base_url, "GET", f"/links/{link['code']}", key=link["manageKey"])[0] == 404)

    def test_closing_the_page_deletes_at_once(self, ann: Visitor, running: Running) -> None:
        """Closing the tab within the time for an undo deletes the link."""
        link = make_link(running.base_url)
        keep(ann, link)
        page = ann.open("/#/links")
        card(page, link).get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()

        page.goto("about:blank")

        assert until(lambda: ask(running.base_url, "GET", f"/links/{link['code']}", key=link["manageKey"])[0] == 404)

    def test_search_by_words_and_tags(self, ann: Visitor, running: Running) -> None:
        """The list shows the matching links, or a message if there are none."""
        one = make_link(running.base_url, title="Apples", tags=["fruit"])
        other = make_link(running.base_url, title="Stones")
        keep(ann, one, other)
        page = ann.open("/#/links")

        page.get_by_label("Search").fill("stone")
        expect(card(page, one)).to_have_count(0)
        expect(card(page, other)).to_be_visible()
        page.get_by_label("Search").fill("")
        card(page, one).get_by_role("button", name="fruit").click()
        expect(card(page, other)).to_have_count(0)
        expect(card(page, one)).to_be_visible()
        page.get_by_label("Search").fill("nothing like this")

        expect(page.get_by_text("No link fits")).to_be_visible()

    def test_no_result_is_shown_at_the_end_only(self, ann: Visitor, key: str) -> None:
        """All pages are requested, however many are empty; meanwhile the progress is shown."""
        keep_key(ann, key)
        page = ann.open("/#/links")
        asked: list[Route] = []
        page.route(re.compile(r"/links\?.*q=needle"), lambda route: asked.append(route))  # noqa: PLW0108  # Playwright takes no built-in
        note = page.get_by_role("search").locator("~ .actions").get_by_role("status")

        page.get_by_label("Search").fill("needle")
        expect(note).to_have_text("Looking \N{HORIZONTAL ELLIPSIS} 0 looked at")
        for number in range(1, 9):
            answer_next(page, asked, {"data": [], "lookedAt": 1000, "next": f"cursor-{number}"})
            expect(note).to_have_text(f"Looking \N{HORIZONTAL ELLIPSIS} {number * 1000:,} looked at")
        answer_next(page, asked, {"data": [], "lookedAt": 7, "next": None})

        expect(note).to_have_text("No link fits that.")

    def test_password_page(self, ann: Visitor, running: Running) -> None:
        """A wrong password shows an error; the correct one redirects to the target."""
        link = make_link(running.base_url, password="correct horse")
        page = ann.page
        page.goto(link["shortUrl"])

        page.get_by_label("Password").fill("battery staple")
        page.get_by_role("button", name="Open the link").click()
        expect(page.get_by_role("alert")).to_contain_text(re.compile(r"\w{3,}"))
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Open the link").click()
        page.wait_for_url(TARGET)

        assert page.get_by_role("heading").inner_text() == "Far away"

    def test_confirmation_page(self, ann: Visitor, running: Running) -> None:
        """The button redirects to the target."""
        link = make_link(running.base_url, confirm=True)
        ann.page.goto(link["shortUrl"])

        ann.page.get_by_role("button", name="Open the link").click()

        ann.page.wait_for_url(TARGET)

    def test_report_form(self, ann: Visitor, running: Running) -> None:
        """From the preview: a reason is required, and a thank-you page follows."""
        link = make_link(running.base_url)
        page = ann.open(f"/{link['code']}+")
        page.get_by_role("link", name="Report this link").click()

        page.get_by_label("What is wrong with it?").select_option("spam")
        page.get_by_label("What should we know?").fill("Unwanted.")
        page.get_by_role("button", name="Send the report").click()

        expect(page.get_by_role("heading", level=1)).not_to_have_text("Report this link")
        expect(page.get_by_role("link", name="Shorten a link")).to_be_visible()


class TestBulkView:
    """A pasted list is shortened."""

    def test_each_line_is_created_or_has_an_error(self, ann: Visitor, running: Running) -> None:
        """Valid lines are created; the invalid one shows its error."""
        page = ann.open("/#/bulk")
        page.get_by_label("Addresses").fill(f"{TARGET}/1\n{TARGET}/2, bulk-two\n\njavascript:alert(1)")

        page.get_by_role("button", name="Shorten all").click()

        rows = page.get_by_role("table").get_by_role("row")
        expect(rows).to_have_count(4)
        expect(rows.nth(2).get_by_role("link")).to_have_attribute("href", f"{running.base_url}/bulk-two")
        expect(rows.nth(3)).to_contain_text("javascript:alert(1)")
        expect(rows.nth(3).get_by_role("link")).to_have_count(0)
        expect(page.get_by_role("region", name="Outcome")).to_contain_text("2 of 3 made, 1 refused")
        assert ask(running.base_url, "GET", "/bulk-two")[1] == f"{TARGET}/2"

    @pytest.mark.parametrize(
        ("line", "url", "alias"),
        [
            ("example.com/a,b,c", "https://example.com/a,b,c", None),
            ("example.com/a;b;c", "https://example.com/a;b;c", None),
            ("example.com/a,", "https://example.com/a,", None),
            ("example.com/?ids=1,2,3", "https://example.com/?ids=1,2,3", None),
            ("example.com/my file.txt", "https://example.com/my file.txt", None),
            ('"example.com/a,b"', "https://example.com/a,b", None),
            ("example.com/a,b  my-alias", "https://example.com/a,b", "my-alias"),
            ("example.com/a\tmy-alias", "https://example.com/a", "my-alias"),
            ("example.com/a\tno alias", "https://example.com/a", "no alias"),
            ("example.com/a, my-alias", "https://example.com/a", "my-alias"),
            ("example.com/a; my-alias", "https://example.com/a", "my-alias"),
            ('"example.com/a,b"\tmy-alias', "https://example.com/a,b", "my-alias"),
        ],
    )
    def test_plan_shows_each_lines_link(self, shown: Page, line: str, url: str, alias: str | None) -> None:
        """An alias is read only from an unambiguous line; URL and alias are shown before, and sent as shown."""
        sent: list[Any] = []

        def note(route: Route) -> None:
            sent.append(route.request.post_data_json)
            route.abort()

        shown.route("**/links/bulk", note)

        shown.get_by_label("Addresses").fill(line)
        expect(shown.get_by_role("listitem")).to_have_text(f"{url} \N{EN DASH} Alias: {alias}" if alias else url)
        assert sent == []
        shown.get_by_role("button", name="Shorten all").click()
        expect(shown.get_by_role("region", name="Outcome")).to_contain_text("0 of 1 made, 1 refused")

        assert sent == [{"links": [{"url": url, **({"alias": alias} if alias else {})}]}]

    def test_long_list_is_sent_in_chunks(self, ann: Visitor) -> None:
        """250 URLs are three requests; the short links can be copied and saved together."""
        page = ann.open("/#/bulk")
        page.get_by_label("Addresses").fill("\n".join(f"{TARGET}/long/{number}" for number in range(250)))

        page.get_by_role("button", name="Shorten all").click()
        expect(page.get_by_role("region", name="Outcome")).to_contain_text("250 of 250 made", timeout=60_000)
        page.get_by_role("button", name="Copy all").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("() => navigator.clipboard.readText()").split()
        with page.expect_download() as saved:
            page.get_by_role("button", name="CSV").click()

        assert len(set(copied)) == 250
        assert len(saved.value.path().read_text().splitlines()) == 251
        assert len([each for each in ann.asked if each.endswith("/links/bulk")]) == 3


class TestFiles:
    """Imports and exports, for users with a key."""

    def test_import_reports_each_row(self, ann: Visitor, running: Running, key: str) -> None:
        """Created, existing and refused rows: as numbers, and by row in the report."""
        make_link(running.base_url, alias="theirs")
        with_key(running.base_url, key, "POST", "/links", {"url": f"{TARGET}/ours", "alias": "ours"})
        rows = [
            ("new-one", f"{TARGET}/1"),
            ("ours", f"{TARGET}/ours"),
            ("theirs", TARGET),
            ("bad", "javascript:alert(1)"),
        ]
        keep_key(ann, key)
        page = ann.open("/#/bulk")

        under_way: list[Route] = []
        page.route("**/imports/*", lambda route: under_way.append(route))  # noqa: PLW0108  # Playwright takes no built-in
        choose_file(page, csv_of(rows))
        page.get_by_role("button", name="Import").click()

        expect(page.get_by_role("progressbar", name="Import")).to_be_visible()
        page.unroute("**/imports/*")
        for route in under_way:
            route.continue_()
        expect(
            page.get_by_text("4 read: 1 made, 0 under another code, 1 there already, 0 mended, 0 skipped, 2 refused")
        ).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(0)
        with page.expect_download() as saved:
            page.get_by_role("button", name="Download report").click()
        report = saved.value.path().read_text("utf-8-sig")
        assert len([line for line in report.splitlines() if '"summary"' not in line]) == 5
        assert f"{running.base_url}/new-one" in report
        assert ask(running.base_url, "GET", "/new-one")[1] == f"{TARGET}/1"

    def test_dry_run_creates_nothing(self, ann: Visitor, running: Running, key: str) -> None:
        """It shows the outcome that the import then has."""
        keep_key(ann, key)
        page = ann.open("/#/bulk")
        choose_file(page, csv_of([("dry", f"{TARGET}/dry"), ("bad", "javascript:alert(1)")]))
        counts = "2 read: 1 made, 0 under another code, 0 there already, 0 mended, 0 skipped, 1 refused."

        page.get_by_label("Dry run").check()
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_text(f"Nothing made yet. {counts}")).to_be_visible()
        made = with_key(running.base_url, key, "GET", "/links/dry")[0]
        page.get_by_label("Dry run").uncheck()
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_text(counts, exact=True)).to_be_visible()

        assert made == 404
        assert ask(running.base_url, "GET", "/dry")[1] == f"{TARGET}/dry"

    def test_taken_code_is_renamed_on_request(self, ann: Visitor, running: Running, key: str) -> None:
        """A taken code is renamed if that is chosen."""
        make_link(running.base_url, alias="taken-in-file")
        keep_key(ann, key)
        page = ann.open("/#/bulk")

        choose_file(page, csv_of([("taken-in-file", f"{TARGET}/other")]))
        page.get_by_label("If a code is taken").select_option(label="make another code")
        page.get_by_role("button", name="Import").click()

        expect(page.get_by_text("1 read: 0 made, 1 under another code")).to_be_visible()

    @pytest.mark.parametrize(
        ("content", "why"),
        [(b"PK\x03\x04 and so on", "ZIP archive"), (b"", "empty"), (b"a,b\n1,2\n", "None of its columns")],
    )
    def test_invalid_file_shows_the_error(self, ann: Visitor, key: str, content: bytes, why: str) -> None:
        """The error is shown; then another file can be chosen."""
        keep_key(ann, key)
        page = ann.open("/#/bulk")

        choose_file(page, content)
        page.get_by_role("button", name="Import").click()

        expect(page.get_by_role("alert").filter(has_text=why)).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(0)
        expect(page.get_by_role("button", name="Import")).not_to_have_attribute("aria-busy", "true")

    def test_failed_upload_is_shown(self, ann: Visitor, running: Running, key: str) -> None:
        """An error is shown if only the bucket does not respond."""
        keep_key(ann, key)
        page = ann.open("/#/bulk")
        page.route(f"http://127.0.0.1:{running.aws_port}/**", lambda route: route.abort())

        choose_file(page, csv_of([("lost", TARGET)]))
        page.get_by_role("button", name="Import").click()

        expect(page.get_by_role("alert").filter(has_text="did not arrive")).to_be_visible()

    def test_import_continues_after_a_lost_response(self, ann: Visitor, key: str) -> None:
        """The failure is shown until the next response; the import continues."""
        keep_key(ann, key)
        page = ann.open("/#/bulk")
        page.route("**/imports/*", lambda route: route.abort())

        choose_file(page, csv_of([("goes-on", TARGET)]))
        page.get_by_role("button", name="Import").click()

        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
        page.unroute("**/imports/*")
        expect(page.get_by_text("1 read: 1 made")).to_be_visible()
        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_hidden()

    def test_export_downloads_a_file(self, ann: Visitor, running: Running, key: str) -> None:
        """The file has all links of the key's owner, with their targets."""
        for number in (1, 2):
            with_key(
                running.base_url, key, "POST", "/links", {"url": f"{TARGET}/{number}", "alias": f"export-{number}"}
            )
        keep_key(ann, key)
        page = ann.open("/#/links")

        with page.expect_download() as saved:
            page.get_by_role("button", name="Export").click()

        expect(page.get_by_role("status").filter(has_text="in the file")).to_be_visible()
        assert saved.value.suggested_filename.endswith(".csv")
        rows = saved.value.path().read_text("utf-8-sig")
        assert all(f"export-{number}" in rows and f"{TARGET}/{number}" in rows for number in (1, 2))

    def test_files_need_a_key(self, ann: Visitor, key: str) -> None:
        """Imports and exports are shown only with a key, and as soon as there is one."""
        page = ann.open("/#/links")
        expect(page.get_by_text("has made no links yet")).to_be_visible()
        expect(page.get_by_role("button", name="Export")).to_have_count(0)
        page = ann.open("/#/bulk")
        expect(page.get_by_label("Addresses")).to_be_visible()
        expect(page.get_by_label("Or a file")).to_have_count(0)
        assert not [each for each in ann.asked if "files.js" in each]

        page.get_by_role("button", name="API key").click()
        page.get_by_role("dialog").get_by_label("API key").fill(key)
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_label("Or a file")).to_be_visible()
        page.get_by_role("link", name="My links").click()

        expect(page.get_by_role("button", name="Export")).to_be_visible()

    def test_missing_scope_is_shown(self, ann: Visitor, running: Running) -> None:
        """The error names the missing scope."""
        keep_key(ann, make_key(running, "read"))
        page = ann.open("/#/bulk")
        choose_file(page, csv_of([("not-allowed", TARGET)]))

        page.get_by_role("button", name="Import").click()
        expect(page.get_by_role("alert").filter(has_text="create")).to_be_visible()
        page.get_by_role("link", name="My links").click()
        page.get_by_role("button", name="Export").click()

        expect(page.get_by_role("alert").filter(has_text="manage")).to_be_visible()

    def test_csp_allows_only_the_bucket(self, ann: Visitor, running: Running) -> None:
        """The CSP of the web page has the bucket's origin; that of other pages does not."""
        policies = [ann.page.goto(ann.base_url + path) for path in ("/", "/problems/alias-taken")]

        sources = [
            re.search("connect-src ([^;]*);", each.headers["content-security-policy"]) for each in policies if each
        ]
        assert [each and each[1] for each in sources] == [f"'self' http://127.0.0.1:{running.aws_port}", "'self'"]

    def test_imported_visits_are_shown(self, ann: Visitor, running: Running, key: str) -> None:
        """Imported visits are shown separately, and only if there are any."""
        keep_key(ann, key)
        page = ann.open("/#/bulk")
        choose_file(page, b"alias,url,visits\nhad-visits,http://example.com/a,1234\nhad-none,http://example.com/b,0\n")
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_text("2 read: 2 made")).to_be_visible()

        page = ann.open("/#/links")

        expect(card(page, {"shortUrl": f"{running.base_url}/had-visits"})).to_contain_text(
            "and 1,234 before it was imported"
        )
        expect(card(page, {"shortUrl": f"{running.base_url}/had-none"})).not_to_contain_text("before")


def answer_next(page: Page, asked: list[Route], answer: dict[str, Any]) -> None:
    """Wait for the page's dialog, and answer it."""
    give_up = time.monotonic() + browsers.EXPECT_SECONDS
    while not asked:
        assert time.monotonic() < give_up, "The page asked for nothing more."
        page.wait_for_timeout(10)  # what the browser says is heard meanwhile
    asked.pop(0).fulfill(json=answer)


def months_between(first: date, last: date) -> int:
    """Return the number of months from ``first`` to ``last``."""
    return 12 * (last.year - first.year) + last.month - first.month + 1


def choose_file(page: Page, content: bytes, name: str = "links.csv") -> None:
    """Choose a file to import."""
    page.get_by_label("Or a file").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})


def csv_of(rows: list[tuple[str, str]]) -> bytes:
    """Return a file of codes and targets."""
    return "".join(f"{alias},{url}\n" for alias, url in [("alias", "url"), *rows]).encode()


class TestStatistics:
    """Numbers, chart and table, of one link and of all."""

    def test_of_a_link(self, ann: Visitor, running: Running) -> None:
        """People and programs separately, as chart, table and file."""
        link = make_link(running.base_url)
        for referrer in ("https://news.example.net/a", "https://news.example.net/b"):
            arrive(link, running, User_Agent=browsers.PERSON, Referer=referrer, Accept_Language="pt-BR,pt;q=0.9")
        arrive(link, running, User_Agent="Googlebot/2.1 (+http://www.google.com/bot.html)")
        assert until(lambda: visits_of(link, running) == 3)
        keep(ann, link)
        page = ann.open("/#/links")
        card(page, link).get_by_role("link", name="3 visits").click()

        expect(page.get_by_role("heading", level=1)).to_contain_text(link["code"])
        numbers = page.locator("dl.numbers div")
        expect(numbers.nth(0)).to_have_text("Visits3")
        expect(numbers.nth(1)).to_have_text("People2")
        expect(numbers.nth(2)).to_have_text("Bots1")
        expect(page.get_by_role("row", name=re.compile("news.example.net"))).to_contain_text("2")
        expect(page.get_by_role("row", name=re.compile("Portuguese"))).to_contain_text("2")
        expect(page.get_by_role("img", name=re.compile("Visits by day"))).to_be_visible()
        page.get_by_role("button", name="Show as table").click()
        expect(page.get_by_role("img", name=re.compile("Visits by day"))).to_have_count(0)
        table = page.get_by_role("table", name="Visits by day")
        expect(table.get_by_role("row")).to_have_count(31)
        expect(table.get_by_role("row").last.get_by_role("cell").first).to_have_text("3")
        page.get_by_label("Period").select_option(label="Today")
        expect(page.get_by_role("table", name="Visits by hour").get_by_role("row")).to_have_count(25)
        with page.expect_download() as saved:
            page.get_by_role("button", name="Download CSV").click()
        assert len(saved.value.path().read_text().splitlines()) == 25

    def test_visitors_of_several_days_are_summed(self, ann: Visitor, running: Running) -> None:
        """Visitors of several days are labelled as a sum of daily visitors."""
        link = make_link(running.base_url)
        keep(ann, link)

        page = ann.open(f"/#/stats/{link['code']}")

        expect(page.locator("dl.numbers div").nth(4)).to_have_text("Sum of daily visitors0")
        expect(page.get_by_text("Who comes on two days is two visitors")).to_be_visible()

    def test_statistics_are_updated(self, ann: Visitor, running: Running) -> None:
        """A visit appears while the page is open, and the focus stays."""
        link = make_link(running.base_url)
        keep(ann, link)
        ann.page.clock.install()
        page = ann.open(f"/#/stats/{link['code']}")
        expect(page.get_by_text("No visits in this period yet")).to_be_visible()
        page.get_by_role("button", name="Show as table").focus()
        arrive(link, running, User_Agent=browsers.PERSON)
        assert until(lambda: visits_of(link, running) == 1)

        page.clock.run_for(16_000)

        expect(page.locator("dl.numbers div").first).to_have_text("Visits1")
        expect(page.get_by_role("button", name="Show as table")).to_be_focused()
        expect(page.get_by_text("No visits in this period yet")).to_be_hidden()

    @pytest.mark.parametrize(
        ("period", "unit"), [("7 days", "an hour"), ("90 days", "a day"), ("A year", "a month"), ("A year", "a day")]
    )
    def test_any_period_by_any_unit(self, ann: Visitor, running: Running, period: str, unit: str) -> None:
        """Each hour, day or month has a row, with or without visits; a year's first and last month may be partial."""
        today = datetime.now(UTC).date()
        rows = {("7 days", "an hour"): 7 * 24, ("90 days", "a day"): 90, ("A year", "a day"): 365}
        rows["A year", "a month"] = months_between(today - timedelta(days=364), today)
        link = make_link(running.base_url)
        keep(ann, link)
        page = ann.open(f"/#/stats/{link['code']}")

        page.get_by_label("Period").select_option(label=period)
        page.get_by_label("Each bar is").select_option(label=unit)
        page.get_by_role("button", name="Show as table").click()

        words = {"an hour": "hour", "a day": "day", "a month": "month"}[unit]
        expect(page.get_by_role("table", name=f"Visits by {words}").locator("tbody tr")).to_have_count(
            rows[period, unit]
        )

    def test_custom_period(self, ann: Visitor, running: Running) -> None:
        """From one day to another; a reversed period shows an error and sends no request."""
        link = make_link(running.base_url)
        keep(ann, link)
        page = ann.open(f"/#/stats/{link['code']}")
        expect(page.get_by_role("img", name=re.compile("Visits by day"))).to_be_visible()
        page.get_by_label("Period").select_option("own")
        page.get_by_label("From", exact=True).fill("2026-02-01")
        page.get_by_label("To", exact=True).fill("2026-02-28")
        page.get_by_role("button", name="Show as table").click()

        expect(page.get_by_role("table", name="Visits by day").locator("tbody tr")).to_have_count(28)
        asked = len(ann.asked)
        page.get_by_label("From", exact=True).fill("2026-03-01")

        expect(page.get_by_role("alert").filter(has_text="the earlier one first")).to_be_visible()
        assert len(ann.asked) == asked

    def test_of_all_links_of_a_key(self, ann: Visitor, running: Running) -> None:
        """The page asks for a key, stores it, and links to the statistics of the most visited link."""
        key = make_key(running)
        _, link = with_key(running.base_url, key, "POST", "/links", {"url": TARGET, "alias": "of-a-key"})
        arrive(link, running, User_Agent=browsers.PERSON)
        page = ann.open("/#/stats")

        page.get_by_role("dialog").get_by_label("API key").fill(key)
        page.get_by_role("dialog").get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("heading", name="People and programs")).to_be_visible()
        assert until(lambda: page.reload() is not None and page.get_by_role("link", name="of-a-key").count() > 0)
        page.get_by_role("link", name="of-a-key").click()

        expect(page.get_by_role("heading", level=1)).to_contain_text("of-a-key")
        expect(page.locator("dl.numbers div").first).to_have_text("Visits1")
        expect(card(ann.open("/#/links"), link)).to_be_visible()

    def test_failed_update_is_shown(self, ann: Visitor, running: Running) -> None:
        """The present numbers stay, with a message that they may be outdated."""
        link = make_link(running.base_url)
        keep(ann, link)
        ann.page.clock.install()
        page = ann.open(f"/#/stats/{link['code']}")
        expect(page.locator("dl.numbers div").first).to_have_text("Visits0")
        ann.context.route("**/stats?*", lambda route: route.abort())

        page.clock.run_for(16_000)

        expect(page.get_by_role("alert").filter(has_text="not the newest")).to_be_visible()
        expect(page.locator("dl.numbers div").first).to_have_text("Visits0")


class TestKeys:
    """The keys of a workspace, for its administrators."""

    def test_make_copy_use(self, ann: Visitor, team: Team) -> None:
        """A new key is shown once, can be copied, and works; nothing of it stays in the page or the browser."""
        page = team.enter(ann)
        page.get_by_role("navigation").get_by_role("link", name="Keys").click()
        page.get_by_text("Make a key").first.click()
        page.get_by_label("Name").fill("phone")
        page.get_by_label("Person").fill("ann@example.com")
        page.get_by_label("Works for").select_option(label="90 days")
        page.get_by_label("Editor").check()
        page.get_by_role("button", name="Make a key").click()
        shown = page.get_by_role("region", name="Make a key")
        expect(shown).to_contain_text("will not be shown again")
        expect(shown.get_by_role("button", name="Copy")).to_be_focused()

        page.keyboard.press("Enter")
        expect(shown.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("() => navigator.clipboard.readText()")

        assert shown.locator("code").inner_text() == copied
        status, me = with_key(team.base_url, copied, "GET", "/v1/me")
        assert (status, me["person"], me["role"], me["workspace"]) == (200, "ann@example.com", "editor", team.name)
        expect(key_card(page, "phone")).to_contain_text("for ann@example.com")
        expect(key_card(page, "phone")).to_contain_text("until ")
        page.get_by_role("link", name="My links").click()
        expect(page.get_by_role("heading", level=1, name="My links")).to_be_visible()
        page.get_by_role("navigation").get_by_role("link", name="Keys").click()
        expect(key_card(page, "phone")).to_be_visible()
        assert copied not in page.content()
        assert copied not in page.url
        assert copied not in page.evaluate("() => JSON.stringify({ ...localStorage, ...sessionStorage })")

    def test_going_back_does_not_show_the_key_again(self, ann: Visitor, team: Team) -> None:
        """Neither from another page, which the browser may have kept."""
        page = team.enter(ann)
        secret = make_in_form(page, "elsewhere")

        page.goto(f"{team.base_url}/robots.txt")
        page.go_back()

        expect(key_card(page, "elsewhere")).to_be_visible()
        assert secret not in page.content()

    def test_revoking_can_be_undone(self, ann: Visitor, team: Team) -> None:
        """The request is sent after the time for an undo; then the key is refused, and listed with those that ended."""
        secret = team.make("lost", role="viewer")
        ann.page.clock.install()
        page = team.enter(ann)
        key_card(page, "lost").get_by_role("button", name="Revoke").click()
        expect(key_card(page, "lost")).to_have_count(0)
        expect(page.get_by_role("button", name="Undo")).to_be_focused()

        page.keyboard.press("Enter")
        expect(key_card(page, "lost").get_by_role("button", name="Revoke")).to_be_focused()
        page.clock.run_for((UNDO_SECONDS + 1) * 1000)
        undone = [each for each in ann.asked if each.startswith("DELETE")]
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Undo")).to_be_focused()
        with page.expect_response(lambda answer: answer.request.method == "DELETE") as revoked:
            page.clock.run_for(UNDO_SECONDS * 1000)

        expect(page.get_by_text("Revoked or expired: 1")).to_be_visible()
        page.get_by_text("Revoked or expired: 1").click()
        expect(key_card(page, "lost")).to_contain_text("revoked ")
        expect(key_card(page, "lost").get_by_role("button")).to_have_count(0)
        assert undone == []
        assert revoked.value.status == 204
        assert "/v1/keys/" in revoked.value.url
        assert ask(team.base_url, "GET", "/v1/me", key=secret)[0] == 401

    def test_closing_the_page_revokes_at_once(self, ann: Visitor, team: Team) -> None:
        """Closing the tab within the time for an undo revokes the key."""
        secret = team.make("closed", role="viewer")
        page = team.enter(ann)
        key_card(page, "closed").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()

        page.goto("about:blank")

        assert until(lambda: ask(team.base_url, "GET", "/v1/me", key=secret)[0] == 401)

    def test_all_keys_of_a_person_are_ended(self, ann: Visitor, team: Team) -> None:
        """After the time for an undo; those of others and of integrations stay."""
        theirs = [team.make(name, role="editor", person="ben & co") for name in ("one", "two")]
        other = team.make("other", role="editor", person="cleo")
        ann.page.clock.install()
        page = team.enter(ann)
        key_card(page, "one").get_by_role("button", name="End all keys of ben & co").click()
        expect(key_card(page, "two")).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(key_card(page, "two")).to_be_visible()
        key_card(page, "one").get_by_role("button", name="End all keys of ben & co").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()

        with page.expect_response(lambda answer: answer.request.method == "DELETE"):
            page.clock.run_for(UNDO_SECONDS * 1000)

        expect(page.get_by_text("Revoked or expired: 2")).to_be_visible()
        expect(key_card(page, "other")).to_be_visible()
        answers = [ask(team.base_url, "GET", "/v1/me", key=secret)[0] for secret in (*theirs, other)]
        assert answers == [401, 401, 200]

    def test_the_key_of_the_page_is_revoked_only_after_a_question(self, ann: Visitor, team: Team) -> None:
        """The list says which it is; once it is revoked, the page has forgotten it and asks for another."""
        ann.page.clock.install()
        page = team.enter(ann)
        own = key_card(page, "browser")
        expect(own).to_contain_text("used by this page")
        page.once("dialog", lambda dialog: dialog.dismiss())
        own.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        page.once("dialog", lambda dialog: dialog.accept())
        own.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()

        page.clock.run_for(UNDO_SECONDS * 1000)

        expect(page.get_by_role("dialog").get_by_label("API key")).to_be_visible()
        assert page.evaluate("() => localStorage.getItem('key')") == ""
        page.keyboard.press("Escape")
        expect(page.get_by_role("navigation").get_by_role("link", name="Keys")).to_be_hidden()

    def test_only_administrators_are_offered_keys(self, ann: Visitor, team: Team) -> None:
        """A viewer sees for which workspace the key acts, but no view of keys; by its address, it says why."""
        keep_key(ann, team.make("viewer", role="viewer"))
        page = ann.open("/")
        expect(page.get_by_text(f"Your key acts for the workspace {team.name}.")).to_be_visible()
        expect(page.get_by_role("link", name="Keys")).to_have_count(0)

        page = ann.open("/#/access")

        expect(page.get_by_role("alert").filter(has_text="keys")).to_be_visible()
        expect(page.get_by_text("Make a key").first).to_be_hidden()

    def test_another_key_offers_the_view_at_once(self, ann: Visitor, team: Team) -> None:
        """Without a key there is no view of keys; it comes and goes with the key, without a reload."""
        page = ann.open("/")
        link = page.get_by_role("navigation").get_by_role("link", name="Keys")
        page.get_by_role("button", name="API key").click()
        page.get_by_role("dialog").get_by_label("API key").fill(team.key)
        page.get_by_role("button", name="Use this key").click()
        expect(link).to_be_visible()

        page.get_by_role("button", name="API key").click()
        page.get_by_role("button", name="Forget key").click()

        expect(link).to_be_hidden()
        expect(page.get_by_text("Your key acts for")).to_be_hidden()

    def test_own_key_revoked_elsewhere(self, ann: Visitor, team: Team) -> None:
        """The page asks for another key, says why, and goes on with it."""
        page = team.enter(ann)
        other = team.make("next", role="admin")
        assert ask(team.base_url, "DELETE", f"/v1/keys/{team.id_of('browser')}", key=other)[0] == 204
        page.get_by_text("Make a key").first.click()
        page.get_by_label("Name").fill("with another")

        page.get_by_role("button", name="Make a key").click()
        page.get_by_role("dialog").get_by_label("API key").fill(other)
        page.get_by_role("button", name="Use this key").click()

        expect(key_card(page, "with another")).to_be_visible()
        expect(key_card(page, "next")).to_contain_text("used by this page")

    def test_key_revoked_elsewhere(self, ann: Visitor, team: Team) -> None:
        """Revoking it again does no harm."""
        team.make("twice", role="viewer")
        ann.page.clock.install()
        page = team.enter(ann)
        assert ask(team.base_url, "DELETE", f"/v1/keys/{team.id_of('twice')}", key=team.key)[0] == 204

        key_card(page, "twice").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.clock.run_for(UNDO_SECONDS * 1000)

        expect(page.get_by_text("Revoked or expired: 1")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)

    @pytest.mark.parametrize(
        ("status", "answer", "told"),
        [
            (403, {"detail": "This needs a key with the scope 'manage'."}, "scope 'manage'"),
            (409, {"detail": "This workspace may have 2 keys, and has them."}, "may have 2 keys"),
            (429, {"detail": "Too many calls. Try again in 30 seconds."}, "in 30 seconds"),
            (422, {"errors": [{"field": "owner", "message": "An owner is a name."}]}, "An owner is a name."),
            (0, {}, "cannot be reached"),
        ],
    )
    def test_refusals_are_shown(self, ann: Visitor, team: Team, status: int, answer: dict[str, Any], told: str) -> None:
        """Below the form, which keeps what was entered."""
        page = team.enter(ann)
        page.route("**/v1/keys", lambda route: route.fulfill(status=status, json=answer) if status else route.abort())
        page.get_by_text("Make a key").first.click()
        page.get_by_label("Name").fill("refused")

        page.get_by_role("button", name="Make a key").click()

        expect(page.get_by_role("alert").filter(has_text=told)).to_be_visible()
        expect(page.get_by_label("Name")).to_have_value("refused")

    def test_error_is_shown_at_its_field(self, ann: Visitor, team: Team) -> None:
        """The field is marked as invalid, described by the service's error, and focused."""
        page = team.enter(ann)
        page.get_by_text("Make a key").first.click()
        page.get_by_label("Name").fill("   ")

        page.get_by_role("button", name="Make a key").click()

        field = page.get_by_label("Name")
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("give the key a name"))

    def test_failed_list_is_shown(self, ann: Visitor, team: Team) -> None:
        """An error instead of the keys."""
        ann.context.route("**/v1/keys?*", lambda route: route.abort())

        page = team.enter(ann, wait=False)

        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
        expect(page.get_by_text("Make a key").first).to_be_hidden()

    def test_failed_revocation_is_shown(self, ann: Visitor, team: Team) -> None:
        """At the key, or at the bottom of another view that was gone to meanwhile."""
        team.make("stays", role="viewer")
        ann.page.clock.install()
        page = team.enter(ann)
        page.route("**/v1/keys/*", lambda route: route.abort())
        key_card(page, "stays").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.clock.run_for(UNDO_SECONDS * 1000)
        expect(key_card(page, "stays").get_by_role("alert")).to_contain_text("cannot be reached")
        key_card(page, "stays").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()

        page.get_by_role("link", name="Bulk").click()
        expect(page.get_by_label("Addresses")).to_be_visible()
        page.clock.run_for(UNDO_SECONDS * 1000)

        bar = page.get_by_role("complementary", name="Undo")
        expect(bar).to_contain_text("stays: The service cannot be reached")
        bar.get_by_role("button", name="Close").click()
        expect(bar).to_be_empty()


class Team:
    """A workspace with an administrator's key called `browser`."""

    def __init__(self, running: Running, name: str) -> None:
        self.base_url = running.base_url
        self.name = name
        self.key = make_key(running, "create,read,manage,keys,settings", name)

    def make(self, name: str, **options: Any) -> str:
        """Make a key, as its administrator; return its text."""
        status, made = with_key(self.base_url, self.key, "POST", "/v1/keys", {"name": name, **options})
        assert status == 201, made
        return str(made["key"])

    def id_of(self, name: str) -> str:
        """Return the id of the key with a name."""
        listed = with_key(self.base_url, self.key, "GET", "/v1/keys")[1]["data"]
        (found,) = [str(each["id"]) for each in listed if each["name"] == name]
        return found

    def enter(self, someone: Visitor, *, wait: bool = True) -> Page:
        """Open the view of its keys in somebody's browser."""
        keep_key(someone, self.key)
        page = someone.open("/#/access")
        if wait:
            expect(page.get_by_text(f"Keys of {self.name}: ")).to_be_visible()
        return page


@pytest.fixture
def team(running: Running) -> Team:
    """A workspace of its own for each test."""
    return Team(running, f"team-{time.monotonic_ns()}")


def second_domain(running: Running, *workspaces: str) -> str:
    """Open the second domain to workspaces, as an administrator of the installation; return its host."""
    admin, host = make_key(running, "admin"), f"team.localhost:{running.port}"
    status, answer = with_key(running.base_url, admin, "PATCH", f"/v1/domains/{host}", {"workspaces": [*workspaces]})
    assert status == 200, answer
    return host


def key_card(page: Page, name: str) -> Locator:
    """Return the card of a key in the list."""
    return page.get_by_role("listitem").filter(has=page.get_by_text(name, exact=True))


def make_in_form(page: Page, name: str) -> str:
    """Make a key with the form; return its text, as it is shown."""
    page.get_by_text("Make a key").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make a key").click()
    shown = page.get_by_role("region", name="Make a key").locator("code")
    expect(shown).to_be_visible()
    return shown.inner_text()


class TestDomains:
    """A second domain, for those who may use it."""

    def test_one_code_is_two_links(self, ann: Visitor, running: Running, team: Team) -> None:
        """Without a choice nothing asks for the domain. With one, each link is at its own, and so are its actions."""
        page = ann.open()
        expect(page.get_by_label("Alias")).to_be_attached()
        page.wait_for_load_state("networkidle")
        assert not [each for each in ann.asked if "/v1/" in each]
        keep_key(ann, team.key)
        page = ann.open()
        expect(page.get_by_text("Your key acts for")).to_be_visible()
        expect(page.get_by_role("link", name="Domains")).to_be_hidden()
        expect(page.get_by_label("Domain")).to_be_hidden()
        _, first = with_key(running.base_url, team.key, "POST", "/links", {"url": TARGET, "alias": "at-both"})
        host = second_domain(running, team.name)
        second = first | {"shortUrl": f"http://{host}/at-both"}

        page = ann.open()
        page.get_by_label("Domain").select_option(host)
        page.get_by_text("Options", exact=True).click()
        page.get_by_label("Alias").fill("at-both")
        expect(page.get_by_text("at-both is free")).to_be_visible()
        assert shorten(page, f"{TARGET}/second") == second["shortUrl"]
        expect(page.get_by_label("Domain")).to_have_value(host)
        page = ann.open("/#/links")
        card(page, second).get_by_role("button", name="Edit").click()
        card(page, second).get_by_label("Title").fill("Second")
        card(page, second).get_by_role("button", name="Save").click()
        expect(card(page, second)).to_contain_text("Second")
        expect(card(page, first)).not_to_contain_text("Second")
        page.get_by_label("Domain").select_option(f"127.0.0.1:{running.port}")
        expect(card(page, second)).to_have_count(0)
        expect(card(page, first)).to_be_visible()
        page.get_by_label("Domain").select_option("all")
        card(page, second).get_by_role("link", name="0 visits").click()
        expect(page.get_by_role("heading", name=f"Statistics of {host}/at-both")).to_be_visible()
        expect(page.get_by_text("No visits in this period yet")).to_be_visible()
        page.get_by_role("link", name="Bulk").click()
        expect(page.get_by_label("Domain").first).to_have_value(host)

    def test_administrators_change_a_domain(self, ann: Visitor, running: Running) -> None:
        """Its state and settings are shown; a refused change is told at its field, an accepted one is shown."""
        host = second_domain(running)
        keep_key(ann, make_key(running, "read,admin"))
        page = ann.open()
        page.get_by_role("link", name="Domains").click()
        default = page.get_by_role("listitem").filter(has_text=f"127.0.0.1:{running.port}")
        expect(default).to_contain_text("name found")
        expect(default).to_contain_text("answers")
        place = page.get_by_role("listitem").filter(has_text=host)
        expect(place).to_contain_text("none")

        place.get_by_text(f"Change {host}").click()
        place.get_by_label("Unknown codes lead to").fill("ftp://example.com/")
        place.get_by_label("Workspaces").fill("ann, bob")
        place.get_by_role("button", name="Save").click()
        expect(place.get_by_label("Unknown codes lead to")).to_be_focused()
        expect(place.get_by_label("Unknown codes lead to")).to_have_accessible_description(re.compile(r"\w{3,}"))
        place.get_by_label("Unknown codes lead to").fill("example.com/unknown")
        place.get_by_role("button", name="Save").click()

        expect(place.get_by_role("link", name="https://example.com/unknown")).to_be_visible()
        expect(place).to_contain_text("ann, bob")
        expect(place.get_by_text(f"Change {host}")).to_be_focused()


class TestHostileText:
    """Users' input is shown as text everywhere."""

    def test_hostile_text_stays_text(self, ann: Visitor, running: Running) -> None:
        """In every field, referrer and user agent: no markup becomes an element, no script runs."""
        url = f"https://example.com/?q={EVIL}"
        rules = [{"if": {"language": "xx"}, "url": f"{url}&rule"}]
        link = make_link(running.base_url, url, title=EVIL, tags=[EVIL], note=EVIL, rules=rules)
        asked = make_link(running.base_url, url, title=EVIL, password=EVIL)
        for agent in (EVIL, browsers.PERSON):
            arrive(link, running, User_Agent=agent, Referer=f"https://example.net/{EVIL}", Accept_Language=EVIL)
            arrive(link, running, User_Agent=agent, Referer=EVIL)
        assert until(lambda: visits_of(link, running) == 4)
        keep(ann, link, asked)
        for path in (f"/{link['code']}+", f"/{link['code']}/report", f"/{asked['code']}"):
            unharmed(ann.open(path))
        ann.page.goto(f"{running.base_url}/{EVIL}")
        unharmed(ann.page)
        page = ann.open("/#/links")
        place = card(page, link)
        expect(place).to_contain_text(EVIL)
        place.get_by_role("button", name="QR").click()
        place.get_by_role("button", name="Edit").click()
        expect(place.get_by_label("Title")).to_have_value(EVIL)
        unharmed(page)
        place.get_by_role("button", name=EVIL).click()
        page.get_by_label("Search").fill(EVIL)
        expect(place).to_be_visible()
        unharmed(page)
        page = ann.open(f"/#/stats/{link['code']}")
        expect(page.locator("dl.numbers div").first).to_have_text("Visits4")
        unharmed(page)
        page = ann.open(f"/#/stats/{EVIL}")
        expect(page.get_by_role("alert").filter(has_text=re.compile(r"\w"))).to_be_visible()
        unharmed(page)

    def test_in_the_names_of_keys(self, ann: Visitor, team: Team) -> None:
        """And in whom they are for."""
        page = team.enter(ann)
        page.get_by_text("Make a key").first.click()
        page.get_by_label("Name").fill(EVIL)
        page.get_by_label("Person").fill(EVIL)
        page.get_by_role("button", name="Make a key").click()
        expect(key_card(page, EVIL)).to_contain_text(f"for {EVIL}")
        unharmed(page)
        key_card(page, EVIL).get_by_role("button", name="End all").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        unharmed(page)

    def test_in_the_forms(self, ann: Visitor) -> None:
        """Refused or accepted, input is shown as text."""
        page = ann.open()
        page.get_by_text("Options", exact=True).click()
        page.get_by_label("Alias").fill(EVIL)
        page.get_by_label("Title").fill(EVIL)
        page.get_by_label("Tags").fill(EVIL)
        page.get_by_label("Address to shorten").fill(EVIL)
        page.get_by_role("button", name="Shorten", exact=True).click()
        expect(page.locator("[aria-invalid=true]").first).to_be_visible()
        unharmed(page)
        page.get_by_label("Alias").fill("")
        page.get_by_label("Address to shorten").fill(f"https://example.com/?q={EVIL}")
        page.get_by_role("button", name="Shorten", exact=True).click()
        expect(page.get_by_role("region", name="Your short link")).to_be_visible()
        unharmed(page)
        page = ann.open("/#/bulk")
        page.get_by_label("Addresses").fill(f"{EVIL}\nhttps://example.com/?q={EVIL}\n{TARGET}, {EVIL}")
        page.get_by_role("button", name="Shorten all").click()
        expect(page.get_by_role("table").get_by_role("row").nth(3)).to_be_visible()
        unharmed(page)


def unharmed(page: Page) -> None:
    """Assert that no input has become markup of the loaded page."""
    expect(page.get_by_role("heading").first).to_be_visible()
    assert page.evaluate("() => window.hacked") is None
    assert page.locator('img[src="x"], [onerror]').count() == 0


class TestByKeyboard:
    """Without a mouse; the focus is where it is expected at each step."""

    def test_shorten(self, ann: Visitor) -> None:
        """Type, Enter, and Enter again copies."""
        page = ann.open()
        expect(page.get_by_label("Address to shorten")).to_be_focused()

        page.keyboard.type(TARGET)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Copy", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Copied")).to_be_focused()

        copied = page.evaluate("() => navigator.clipboard.readText()")
        assert copied == page.get_by_role("region", name="Your short link").get_by_role("link").first.get_attribute(
            "href"
        )

    def test_edit(self, ann: Visitor, running: Running) -> None:
        """The form opens with focus in it; saved or left by Escape, focus is at its button again."""
        link = make_link(running.base_url)
        keep(ann, link)
        page = ann.open("/#/links")
        place = card(page, link)
        expect(place).to_be_visible()
        tab_to(page, place.get_by_role("button", name="Edit"))

        page.keyboard.press("Enter")
        expect(place.get_by_label("Leads to", exact=True)).to_be_focused()
        page.keyboard.press("Escape")
        expect(place.get_by_role("button", name="Edit")).to_be_focused()
        page.keyboard.press("Enter")
        expect(place.get_by_label("Leads to", exact=True)).to_be_focused()
        page.keyboard.press("Control+A")
        page.keyboard.type("https://example.com/typed")
        page.keyboard.press("Enter")

        expect(place).to_contain_text("example.com/typed")
        expect(place.get_by_role("button", name="Edit")).to_be_focused()

    def test_delete_and_undo(self, ann: Visitor, running: Running) -> None:
        """Undo has the focus at once; afterwards focus is at the link's own button again."""
        link = make_link(running.base_url)
        keep(ann, link)
        page = ann.open("/#/links")
        place = card(page, link)
        expect(place).to_be_visible()
        tab_to(page, place.get_by_role("button", name="Delete"))

        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Undo")).to_be_focused()
        page.keyboard.press("Enter")

        expect(place.get_by_role("button", name="Delete")).to_be_focused()
        assert not [each for each in ann.asked if each.startswith("DELETE")]

    def test_from_view_to_view(self, ann: Visitor) -> None:
        """A first link skips the navigation, and shows when it has the focus; a chosen view begins at its heading."""
        page = ann.open("/#/bulk")
        expect(page.get_by_role("heading", name="bulk")).to_be_visible()
        skip = page.get_by_role("link", name="Skip to the content")
        skip.focus()
        expect(skip).to_be_in_viewport()

        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        page.get_by_role("link", name="My links").focus()
        page.keyboard.press("Enter")

        expect(page.get_by_role("heading", level=1, name="My links")).to_be_focused()
        expect(page).to_have_title(re.compile("^My links"))

    def test_import(self, ann: Visitor, key: str) -> None:
        """File, choice, box, button and report, one after the other; focus stays where it was while one waits."""
        keep_key(ann, key)
        page = ann.open("/#/bulk")
        file = page.get_by_label("Or a file")
        expect(file).to_be_visible()
        tab_to(page, file)

        with page.expect_file_chooser() as chooser:
            # The browser is told to hand its chooser over without waiting for it: its next answer comes after that.
            page.evaluate("() => null")
            page.keyboard.press("Space")
        chooser.value.set_files({"name": "links.csv", "mimeType": "text/csv", "buffer": csv_of([("typed", TARGET)])})
        page.keyboard.press("Tab")
        expect(page.get_by_label("If a code is taken")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_label("If a code is taken")).to_have_value("skip")
        page.keyboard.press("Tab")
        expect(page.get_by_label("Dry run")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="1 read: 1 made")).to_be_visible()
        expect(page.get_by_role("button", name="Import")).to_be_focused()
        page.keyboard.press("Tab")
        with page.expect_download() as saved:
            page.keyboard.press("Enter")

        assert "typed" in saved.value.path().read_text()

    def test_the_key_dialog(self, ann: Visitor) -> None:
        """It keeps the focus, Escape closes it, and the focus returns to its button."""
        page = ann.open()
        page.get_by_role("button", name="API key").focus()

        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_label("API key")).to_be_focused()
        page.keyboard.press("Escape")

        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="API key")).to_be_focused()


def tab_to(page: Page, target: Locator, most: int = 40) -> None:
    """Press Tab until something has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"After {most} tabs, {target} has no focus.")


def home(someone: Visitor, _: Running) -> None:
    """The form at first."""
    expect(someone.open().get_by_label("Address to shorten")).to_be_visible()


def options(someone: Visitor, running: Running) -> None:
    """The form with its options and a rule, and the key dialog closed again."""
    home(someone, running)
    someone.page.get_by_text("Options", exact=True).click()
    someone.page.get_by_role("button", name="Add a rule").click()


def made(someone: Visitor, running: Running) -> None:
    """A new link."""
    home(someone, running)
    shorten(someone.page, TARGET)


def refused(someone: Visitor, running: Running) -> None:
    """A refused URL."""
    home(someone, running)
    someone.page.get_by_label("Address to shorten").fill("javascript:alert(1)")
    someone.page.get_by_role("button", name="Shorten", exact=True).click()
    expect(someone.page.locator("[aria-invalid=true]")).to_be_visible()


def key_dialog(someone: Visitor, running: Running) -> None:
    """The dialog that asks for a key."""
    home(someone, running)
    someone.page.get_by_role("button", name="API key").click()
    expect(someone.page.get_by_role("dialog")).to_be_visible()


def no_links(someone: Visitor, _: Running) -> None:
    """An empty list."""
    expect(someone.open("/#/links").get_by_text("has made no links yet")).to_be_visible()


def links(someone: Visitor, running: Running) -> None:
    """A list of links, some with options."""
    several = [
        make_link(running.base_url, title="Summer sale", tags=["summer", "shop"], expiresIn="7d"),
        make_link(running.base_url, "https://example.com/press/2026/annual-report.pdf", enabled=False),
        make_link(running.base_url, "https://example.com/members", password="correct horse", maxVisits=100),
        make_link(
            running.base_url,
            "https://example.com/app",
            title="The app",
            tags=["app"],
            rules=[{"if": {"device": "ios"}, "url": "https://example.com/app/ios"}],
        ),
    ]
    for times, link in zip((7, 0, 0, 3), several, strict=True):
        for _ in range(times):
            arrive(link, running, User_Agent=browsers.PERSON)
    assert until(lambda: visits_of(several[0], running) == 7 and visits_of(several[3], running) == 3)
    keep(someone, *several)
    expect(card(someone.open("/#/links"), several[0])).to_be_visible()


def unfolded(someone: Visitor, running: Running) -> None:
    """One link being changed, another with its QR code, a third being deleted."""
    someone.page.add_init_script("window.setInterval = () => 0")  # nothing else counts the seconds down
    links(someone, running)
    places = someone.page.locator("main li")
    places.nth(3).get_by_role("button", name="Delete").click()
    places.nth(1).get_by_role("button", name="QR").click()
    places.nth(0).get_by_role("button", name="Edit").click()
    expect(someone.page.get_by_role("button", name="Save")).to_be_visible()


def many(someone: Visitor, _: Running) -> None:
    """A shortened list with one error."""
    page = someone.open("/#/bulk")
    page.get_by_label("Addresses").fill(f"{TARGET}/a\n{TARGET}/b\njavascript:alert(1)")
    page.get_by_role("button", name="Shorten all").click()
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("2 of 3 made")


def imported(someone: Visitor, running: Running) -> None:
    """An imported file with two refused rows."""
    make_link(running.base_url, alias=(taken := f"taken-{time.monotonic_ns()}"))
    keep_key(someone, key_of(running))
    page = someone.open("/#/bulk")
    rows = [(f"new-{time.monotonic_ns()}", f"{TARGET}/1"), (taken, f"{TARGET}/2"), ("bad", "javascript:alert(1)")]
    choose_file(page, csv_of(rows))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("3 read: 1 made")).to_be_visible()


def importing(someone: Visitor, running: Running) -> None:
    """An import in progress."""
    keep_key(someone, key_of(running))
    page = someone.open("/#/bulk")
    page.route("**/imports/*", lambda route: route.fulfill(json={"state": "running", "total": 10, "read": 4}))
    choose_file(page, csv_of([(f"new-{time.monotonic_ns()}", TARGET)]))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("progressbar", name="Import")).to_have_attribute("value", "4")


def wrong_file(someone: Visitor, running: Running) -> None:
    """An unreadable file."""
    keep_key(someone, key_of(running))
    page = someone.open("/#/bulk")
    choose_file(page, b"PK\x03\x04")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert").filter(has_text="ZIP")).to_be_visible()


def exported(someone: Visitor, running: Running) -> None:
    """The links of a key, one with imported visits, and their export."""
    keep_key(someone, key_of(running))
    page = someone.open("/#/bulk")
    choose_file(page, f"alias,url,visits,title\nold-{time.monotonic_ns()},{TARGET},1234,Summer sale\n".encode())
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("1 read: 1 made")).to_be_visible()
    page = someone.open("/#/links")
    expect(page.get_by_text("and 1,234 before").first).to_be_visible()
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("status").filter(has_text="in the file")).to_be_visible()


def keys(someone: Visitor, running: Running) -> None:
    """Keys of every kind, a new one, the form, and one being revoked."""
    someone.page.add_init_script("window.setInterval = () => 0")  # nothing else counts the seconds down
    team = Team(running, f"marketing-{time.monotonic_ns()}")
    with_key(running.base_url, team.key, "PATCH", f"/v1/workspaces/{team.name}", {"name": "Marketing"})
    team.make("newsletter", scopes=["create"])
    team.make("phone", role="editor", person="ann@example.com", expiresIn="90d")
    team.make("tablet", role="viewer", person="ben@example.com")
    team.make("old phone", role="viewer", person="cleo@example.com")
    ask(running.base_url, "DELETE", f"/v1/keys/{team.id_of('old phone')}", key=team.key)
    page = team.enter(someone, wait=False)
    expect(page.get_by_text("Keys of Marketing: ")).to_be_visible()
    make_in_form(page, "laptop")
    page.get_by_text("Revoked or expired").click()
    key_card(page, "tablet").get_by_role("button", name="Revoke").click()
    page.get_by_text("Make a key").first.click()
    expect(page.get_by_role("button", name="Make a key")).to_be_visible()


def all_domains(someone: Visitor, running: Running) -> None:
    """The domains, as an administrator of the installation sees them: one that is being changed, with an error."""
    host = second_domain(running)
    keep_key(someone, make_key(running, "read,admin"))
    page = someone.open("/#/domains")
    page.get_by_text(f"Change {host}").click()
    page.get_by_label("Bare address").fill("javascript:alert(1)")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Bare address")).to_be_focused()
    expect(page.get_by_text("…")).to_have_count(0)


def key_of(running: Running) -> str:
    """Return an API key for tests that share an owner."""
    return make_key(running)


def statistics(someone: Visitor, running: Running) -> None:
    """A link's statistics with some visits."""
    link = make_link(running.base_url)
    for referrer in ("https://news.example.net/", "https://social.example.org/", "https://news.example.net/"):
        for language in ("pt-BR", "en", "de"):
            arrive(link, running, User_Agent=browsers.PERSON, Referer=referrer, Accept_Language=language)
    for _ in range(4):
        arrive(link, running, User_Agent="Googlebot/2.1 (+http://www.google.com/bot.html)")
    assert until(lambda: visits_of(link, running) == 13)
    keep(someone, link)
    page = someone.open(f"/#/stats/{link['code']}")
    page.get_by_label("Period").select_option(label="Today")
    expect(page.get_by_role("img", name=re.compile("Visits by hour"))).to_be_visible()


def statistics_table(someone: Visitor, running: Running) -> None:
    """The table of a custom period."""
    statistics(someone, running)
    someone.page.get_by_label("Period").select_option("own")
    someone.page.get_by_role("button", name="Show as table").click()


def small(path: str, **options: Any) -> Callable[[Visitor, Running], None]:
    """Return a function that opens a page of a link."""

    def come(someone: Visitor, running: Running) -> None:
        link = make_link(running.base_url, **options)
        someone.open(path.format(code=link["code"]))
        expect(someone.page.get_by_role("heading", level=1)).to_be_visible()

    return come


STATES: dict[str, Callable[[Visitor, Running], None]] = {
    "home": home,
    "options": options,
    "made": made,
    "refused": refused,
    "key": key_dialog,
    "no-links": no_links,
    "links": links,
    "unfolded": unfolded,
    "bulk": many,
    "importing": importing,
    "imported": imported,
    "wrong-file": wrong_file,
    "exported": exported,
    "statistics": statistics,
    "statistics-table": statistics_table,
    "keys": keys,
    "domains": all_domains,
    "password": small("/{code}", password="correct horse"),
    "confirm": small("/{code}", confirm=True),
    "preview": small("/{code}+", title="Summer sale"),
    "report": small("/{code}/report"),
    "off": small("/{code}", enabled=False),
    "problem": small("/problems/alias-taken"),
}


@pytest.mark.parametrize("state", STATES)
def test_every_page_is_accessible(chromium: Browser, running: Running, state: str) -> None:
    """Axe finds no barrier in any state of any page, large and small, light and dark; nothing is wider than its screen.

    Each state is come to on the phone, where that is hardest: the other tests have a desk.
    """
    axe_script()
    with browsers.visitor(
        chromium, running.base_url, bypass_csp=True, viewport=browsers.SIZES["phone"], reduced_motion="reduce"
    ) as someone:
        STATES[state](someone, running)
        for size in ("phone", "desktop"):
            someone.page.set_viewport_size(browsers.SIZES[size])
            someone.page.emulate_media(color_scheme="light")
            assert barriers(someone.page) == [], size
            someone.page.emulate_media(color_scheme="dark")
            assert barriers(someone.page, *browsers.RULES_OF_COLOURS) == [], size
            assert someone.page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, size
        someone.page.set_viewport_size(browsers.NARROWEST)
        assert someone.page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "state", ["home", "options", "made", "links", "unfolded", "bulk", "imported", "statistics", "keys", "password"]
)
def take_pictures(chromium: Browser, running: Running, state: str, scheme: str, size: str) -> None:
    """Write the images of docs/screenshots, only with SCREENSHOTS=1."""
    with browsers.visitor(
        chromium, running.base_url, color_scheme=scheme, viewport=browsers.SIZES[size], reduced_motion="reduce"
    ) as someone:
        STATES[state](someone, running)

        picture = f"{state}-{scheme}.png" if size == "desktop" else f"{state}-{scheme}-phone.png"
        someone.page.screenshot(path=ROOT / "docs" / "screenshots" / picture, full_page=True)


if os.environ.get("SCREENSHOTS"):
    test_pictures_for_the_readme = take_pictures


def test_first_visit_loads_four_files(ann: Visitor) -> None:
    """The page, one style sheet, one module and the icon; views load their own files, all from the service."""
    page = ann.open()
    page.wait_for_load_state("load")
    first = page.evaluate(
        "() => [...document.querySelectorAll('script[src], link[rel=stylesheet], link[rel=icon]')]"
        ".map(node => new URL(node.src || node.href).pathname)"
    )
    for view, sign in (
        ("links", page.get_by_text("has made no links yet")),
        ("bulk", page.get_by_label("Addresses")),
        ("stats", page.get_by_role("dialog")),
        ("access", page.get_by_role("dialog")),
        ("domains", page.get_by_role("dialog")),
        ("", page.get_by_label("Address to shorten")),
    ):
        page.evaluate("view => { location.hash = `#/${view}`; }", view)
        expect(sign).to_be_visible()
        page.keyboard.press("Escape")

    assert sorted(first) == ["/assets/icon.svg", "/assets/page.css", "/assets/page.js"]
    assert ann.elsewhere() == []
    assert {each.rpartition("/")[2] for each in ann.asked if "/assets/" in each} <= set(pages.ASSETS)


def test_a_call_is_tried_in_the_reference(ann: Visitor, running: Running, key: str) -> None:
    """It shows every call, sends one with a key to this service, and forgets the key; no error, nothing elsewhere."""
    errors: list[str] = []
    ann.page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page = ann.open()
    page.get_by_role("link", name="API reference").click()
    paths: dict[str, dict[str, Any]] = pages.openapi(running.base_url)["paths"]
    described = sum("operationId" in call for path in paths.values() for call in path.values())
    expect(page.locator(".opblock")).to_have_count(described)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator("#auth-bearer-value").fill(key)
    page.locator("#auth-bearer-value").press("Enter")
    page.locator(".dialog-ux").get_by_role("button", name="Close").first.click()
    call = page.locator("[id^=operations-][id$=-listLinks]")
    call.get_by_role("button").first.click()
    call.get_by_role("button", name="Try it out").click()
    with page.expect_response(lambda answer: answer.request.headers.get("authorization") == f"Bearer {key}") as sent:
        call.get_by_role("button", name="Execute").click()

    expect(call.locator(".live-responses-table")).to_contain_text('"data"')
    assert sent.value.status == 200
    assert sent.value.url.startswith(f"{running.base_url}/")
    assert page.evaluate("() => Object.keys({ ...localStorage, ...sessionStorage })") == []
    assert (errors, ann.elsewhere()) == ([], [])
    page.get_by_role("link", name=running.base_url.partition("://")[2]).click()
    expect(page.get_by_label("Address to shorten")).to_be_visible()


def test_reference_is_dark_where_the_browser_is(chromium: Browser, running: Running) -> None:
    """As the other pages; it follows the browser while it is open, and one call has an address of its own."""
    with browsers.visitor(chromium, running.base_url, color_scheme="dark") as someone:
        page = someone.open("/docs")
        body = page.locator("html")
        expect(body).to_have_css("background-color", "rgb(28, 32, 34)")
        page.emulate_media(color_scheme="light")
        expect(body).not_to_have_class("dark-mode")
        call = page.locator("[id^=operations-][id$=-listLinks]")
        call.get_by_role("button").first.click()

        page.reload()

        expect(call).to_have_class(re.compile("is-open"))


def test_reference_without_the_description_says_so(ann: Visitor) -> None:
    """Instead of an empty page."""
    ann.page.route("**/openapi.json", lambda route: route.abort())

    expect(ann.open("/docs").get_by_role("alert")).to_be_visible()
