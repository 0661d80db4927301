"""The description of the API, held against the service it describes."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import boto3
import pytest
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

import app as doors
from chalicelib import errors, follow, record_clicks, report
from chalicelib.aws import link_table
from chalicelib.close_days import close_days
from chalicelib.core import agents, click, codes, json_body, new_link, pages, period, stats, target_url
from chalicelib.core.click import Click
from chalicelib.core.link import Link
from chalicelib.settings import settings

DESCRIPTION: dict[str, Any] = json.loads(pages.text_of("openapi.json"))
SCHEMAS = DESCRIPTION["components"]["schemas"]
PARAMETERS = DESCRIPTION["components"]["parameters"]
CREATE = DESCRIPTION["paths"]["/links"]["post"]
EXAMPLES = CREATE["requestBody"]["content"]["application/json"]["examples"]
CODE_PATTERN = f"^{codes._CODE.pattern}$"  # noqa: SLF001  # is_code tells yes or no; the description shows the rule

PAGE = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
PLAIN = {"Accept": "text/plain"}
CSV = {"Accept": "text/csv"}
NDJSON = {"Accept": "application/x-ndjson"}
MINIMAL = {"url": "https://example.com/minimal"}
FULL = {
    "url": "https://example.com/full",
    "alias": "full",
    "title": "Everything",
    "note": "All that a link can have.",
    "tags": ["one", "two"],
    "expiresAt": "2099-12-31T23:59:00Z",
    "permanent": True,
    "findExisting": True,
}
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SEEN: list[dict[str, Any]] = [
    {"agent": PERSON, "referrer": "news.example.com", "country": "PT", "language": "pt", "visitor": "5eed" * 6},
    {"agent": "a browser that nobody knows", "device": "tablet"},
    {"agent": "curl/8.14.1"},
    {},
    {"agent": PERSON, "prefetch": True},
]
"""What is known of the visits of one link: of one everything, of one nothing at all."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, and the route that it takes."""

    route: str
    path: str
    method: str = "GET"
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, http: Http) -> HTTPResponse:
        """Make the request."""
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return http.request(self.method, self.path, headers=self.headers, body=b"" if self.body is None else body)


def post(body: Any, **headers: str) -> Call:
    """Create with ``body``: JSON of it, or these bytes."""
    return Call(route="/links", path="/links", method="POST", body=body, headers=headers)


def get(route: str, path: str | None = None, **headers: str) -> Call:
    """Get ``path``, which is ``route`` itself where that has no variable part."""
    return Call(route=route, path=path or route, headers=headers)


def head(route: str, path: str | None = None, **headers: str) -> Call:
    """Ask for the headers of ``path`` alone."""
    return Call(route=route, path=path or route, method="HEAD", headers=headers)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Return what ``node`` refers to, or itself."""
    if "$ref" not in node:
        return node
    target: dict[str, Any] = functools.reduce(lambda at, key: at[key], node["$ref"].split("/")[1:], DESCRIPTION)
    return target


def described(route: str, method: str, status: int) -> dict[str, Any]:
    """Return how ``status`` is described: under its number, or under ``default`` if it may happen to any call."""
    operations = {name: operation for name, operation in DESCRIPTION["paths"][route].items() if name != "parameters"}
    operation = operations.get(method.lower()) or next(iter(operations.values()))
    unusual = status in {405, 500}
    return resolved(operation["responses"]["default" if unusual else str(status)])


def check(route: str, method: str, answer: HTTPResponse) -> None:
    """Assert that ``answer`` is one the description promises: status, headers, media type, and every member."""
    response = described(route, method, answer.status_code)
    promised = {name for name, header in response["headers"].items() if resolved(header).get("required")}
    assert promised <= answer.headers.keys()
    if "content" not in response:
        assert answer.body == b""
        return
    media_type = answer.headers["Content-Type"].split(";")[0]
    assert media_type in response["content"]
    is_json = media_type.endswith(("/json", "+json"))  # lines of JSON are not JSON
    check_value(response["content"][media_type]["schema"], answer.json_body if is_json else answer.body.decode())


def check_value(schema: dict[str, Any], value: Any) -> None:
    """Assert that ``value`` meets ``schema`` and has no member that goes unmentioned."""
    whole = {**schema, "unevaluatedProperties": False, "components": DESCRIPTION["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def visit(code: str, seen: list[dict[str, Any]], at: datetime) -> None:
    """Count visits of ``code``, of which this was ``seen``."""
    clicks = [Click(id=f"click-{place}", code=code, at=at, **each) for place, each in enumerate(seen)]
    messages = [record_clicks.Message(each.id, json.dumps(each.as_message())) for each in clicks]
    assert record_clicks.record(messages, datetime.now(UTC)).counted == len(seen)


@pytest.fixture
def links(http: Http) -> None:
    """A link with everything, visits included, one with nothing, one whose time is over, one from an older table."""
    post(FULL).answer(http)
    post({**MINIMAL, "alias": "bare"}).answer(http)
    url = "https://example.com/"
    link_table.add(Link(code="over", url=url, expires_at=datetime(2020, 1, 1, tzinfo=UTC)), "made-for-over")
    link_table.add(Link(code="old", url=url), "made-for-old")
    visit("full", SEEN, datetime.now(UTC))
    visit(click.UNKNOWN, [{"agent": "curl/8.14.1"}], datetime.now(UTC))


def test_the_description_is_valid() -> None:
    """It is OpenAPI 3.1, and every reference in it leads somewhere."""
    description = pages.openapi(settings.base_url)

    validate(description)

    assert description["openapi"].startswith("3.1.")


def test_the_service_says_where_it_is(http: Http) -> None:
    """The description that is served names the address of this installation, and is otherwise the file."""
    served = http.get("/openapi.json").json_body

    servers = served.pop("servers")

    assert servers == [{"url": settings.base_url}]
    assert served == DESCRIPTION


def test_every_door_is_described_and_no_other() -> None:
    """The routes of the app and the operations of the description are the same."""
    routes = {(path, method.lower()) for path, methods in doors.app.routes.items() for method in methods}

    operations = {
        (path, method) for path, item in DESCRIPTION["paths"].items() for method in item if method != "parameters"
    }

    assert operations == routes


def test_operations_have_names_of_their_own() -> None:
    """No two operations share a name, for generated clients make functions of them."""
    operations = [item[name] for item in DESCRIPTION["paths"].values() for name in item if name != "parameters"]

    names = [operation["operationId"] for operation in operations]

    assert len(names) == len(set(names))


def test_every_part_is_used() -> None:
    """Nothing is kept among the components that no one refers to."""
    text = json.dumps(DESCRIPTION)

    parts = [f"#/components/{kind}/{name}" for kind, parts in DESCRIPTION["components"].items() for name in parts]

    assert [part for part in parts if f'"{part}"' not in text] == []


def test_every_error_code_is_listed() -> None:
    """Clients can rely on the list of error codes: it is complete, and has no code that never comes."""
    listed = SCHEMAS["ProblemCode"]["enum"]

    public = errors.public_errors()

    assert SCHEMAS["Problem"]["properties"]["code"] == {"$ref": "#/components/schemas/ProblemCode"}
    assert sorted(listed) == sorted(public)


def test_every_name_of_a_field_is_described() -> None:
    """Each name that a new link may use is described, and each that is described is taken."""
    accepted = new_link._FIELD_OF  # noqa: SLF001  # the one list of all names

    properties = SCHEMAS["NewLink"]["properties"]

    assert properties.keys() == accepted.keys()


@pytest.mark.parametrize(
    ("name", "also"),
    [pytest.param(field, name, id=name) for field, names in new_link._ALSO_KNOWN_AS.items() for name in names],  # noqa: SLF001  # the one list of them
)
def test_another_name_is_described_as_the_field_it_names(name: str, also: str) -> None:
    """A field is described alike under all its names."""
    properties = SCHEMAS["NewLink"]["properties"]

    other = properties[also]

    assert other["$ref"] == properties[name]["$ref"]
    assert other["description"] == f"Another name of `{name}`."


@pytest.mark.parametrize(
    ("schema", "member", "limit", "value"),
    [
        ("Code", None, "maxLength", codes.MAX_CODE_LENGTH),
        ("Code", None, "pattern", CODE_PATTERN),
        ("Alias", None, "maxLength", codes.MAX_CODE_LENGTH),
        ("Alias", None, "pattern", CODE_PATTERN),
        ("TargetUrl", None, "maxLength", target_url.MAX_URL_BYTES),
        ("Unit", None, "enum", list(get_args(stats.Unit))),
        ("Statistics", "series", "maxItems", period.MOST_DAYS),
        ("Breakdown", None, "maxItems", stats.MAX_NAMES + 1),
        ("Visit", None, "required", list(report.VISIT)),
        ("Visit", "kind", "enum", [report._KINDS[kind] for kind in stats.KINDS]),  # noqa: SLF001  # the one list of them
        ("Visit", "browser", "maxLength", agents._MAX_NAME),  # noqa: SLF001  # what a parser copies is cut in one place
        ("Visit", "system", "maxLength", agents._MAX_NAME),  # noqa: SLF001  # the same
        ("Visit", "userAgent", "maxLength", click.MAX_TEXT),
        ("VisitPage", "data", "maxItems", PARAMETERS["Limit"]["schema"]["maximum"]),
        *(
            row
            for schema in ("NewLink", "Link")
            for row in (
                (schema, "title", "maxLength", new_link.MAX_TITLE),
                (schema, "note", "maxLength", new_link.MAX_NOTE),
                (schema, "tags", "maxItems", new_link.MAX_TAGS),
            )
        ),
    ],
)
def test_limits_are_those_of_the_service(schema: str, member: str | None, limit: str, value: object) -> None:
    """What the description allows is what the service allows."""
    whole = SCHEMAS[schema]

    part = whole if member is None else whole["properties"][member]

    assert part[limit] == value


@pytest.mark.parametrize("schema", ["NewLink", "Link"])
def test_the_limit_of_a_tag_is_that_of_the_service(schema: str) -> None:
    """A tag may be as long as the service allows."""
    tags = SCHEMAS[schema]["properties"]["tags"]

    longest = tags["items"]["maxLength"]

    assert longest == new_link.MAX_TAG


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(CREATE["description"], f"({json_body.MAX_BODY_BYTES:,} bytes)", id="body"),
        pytest.param(CREATE["description"], f"{json_body.MAX_DEPTH} levels", id="depth"),
        pytest.param(
            DESCRIPTION["components"]["responses"]["BodyTooLarge"]["description"],
            f"({json_body.MAX_BODY_BYTES:,} bytes)",
            id="413",
        ),
        pytest.param(SCHEMAS["TargetUrl"]["description"], f"{target_url.MAX_URL_BYTES:,} bytes", id="url"),
        pytest.param(
            DESCRIPTION["paths"]["/{code}"]["get"]["responses"]["301"]["description"],
            f"({follow.CACHED_AT_MOST:,} seconds)",
            id="301",
        ),
        *(pytest.param(SCHEMAS["Alias"]["description"], f"`{word}`", id=word) for word in sorted(codes.RESERVED)),
        pytest.param(PARAMETERS["From"]["description"], f"the {period.DEFAULT_DAYS} days", id="from"),
        pytest.param(PARAMETERS["From"]["description"], f"has {period.MOST_DAYS:,} days at the most", id="period"),
        pytest.param(PARAMETERS["From"]["description"], f"by hour {period.MOST_DAYS_BY_HOUR} days", id="hours"),
        pytest.param(SCHEMAS["Breakdown"]["description"], f"{stats.MAX_NAMES} names", id="names"),
        pytest.param(
            SCHEMAS["AllStatistics"]["properties"]["unknownCodes"]["description"],
            f"{record_clicks.UNKNOWN_A_DAY:,}",
            id="unknown codes",
        ),
        pytest.param(
            DESCRIPTION["paths"]["/links/{code}/visits"]["get"]["description"],
            f"for {settings.click_retention_days} days",
            id="visits",
        ),
    ],
)
def test_prose_tells_the_limits_of_the_service(text: str, words: str) -> None:
    """Limits that only words can describe are those of the service."""
    told = words in text

    assert told


@pytest.mark.usefixtures("links")
def test_the_limits_of_a_page_are_those_of_the_service(http: Http) -> None:
    """A page may be as short and as long as described, and is as long as described for who does not say."""
    limit = PARAMETERS["Limit"]["schema"]
    asked = [limit["minimum"] - 1, limit["minimum"], limit["maximum"], limit["maximum"] + 1]
    visit("full", [{"agent": PERSON}] * limit["default"], datetime.now(UTC) - timedelta(minutes=1))

    statuses = [http.get(f"/links/full/visits?limit={number}").status_code for number in asked]

    assert statuses == [422, 200, 200, 422]
    assert len(http.get("/links/full/visits").json_body["data"]) == limit["default"]


@pytest.mark.parametrize(("days", "unit"), [(period.MOST_DAYS, "day"), (period.MOST_DAYS_BY_HOUR, "hour")])
@pytest.mark.usefixtures("links")
def test_the_longest_period_is_answered_as_described(http: Http, days: int, unit: str) -> None:
    """As many days as the description allows are answered, and one more is not."""
    last = datetime.now(UTC).date()
    first, before = last - timedelta(days=days - 1), last - timedelta(days=days)

    longest = get("/stats", f"/stats?unit={unit}&from={first}&to={last}").answer(http)
    longer = get("/stats", f"/stats?unit={unit}&from={before}&to={last}").answer(http)

    assert (longest.status_code, longer.status_code) == (200, 422)
    check("/stats", "GET", longest)


@pytest.mark.usefixtures("links")
def test_a_query_without_parameters_means_the_defaults(http: Http) -> None:
    """Who asks for nothing gets what the description says of parameters that are missing."""
    answer = http.get("/stats").json_body

    first, last = (datetime.fromisoformat(answer[name]) for name in ("from", "to"))
    assert (last - first).days + 1 == period.DEFAULT_DAYS
    assert answer["unit"] == PARAMETERS["Unit"]["schema"]["default"]


def test_every_file_is_described() -> None:
    """The files that may be asked for by name, and their media types, are described."""
    asset = DESCRIPTION["paths"]["/assets/{file}"]

    names = asset["parameters"][0]["schema"]["enum"]

    assert sorted(names) == sorted(pages.ASSETS)
    assert asset["get"]["responses"]["200"]["content"].keys() == {kind.split(";")[0] for kind in pages.ASSETS.values()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_requests_work(http: Http, name: str) -> None:
    """Whoever copies an example gets a link."""
    example = EXAMPLES[name]["value"]

    answer = post(example).answer(http)

    check_value({"$ref": "#/components/schemas/NewLink"}, example)
    assert answer.status_code == 201


def test_examples_of_answers_are_answers() -> None:
    """Each answer that is shown meets its own schema."""
    operations = [item[name] for item in DESCRIPTION["paths"].values() for name in item if name != "parameters"]
    responses = [resolved(response) for operation in operations for response in operation["responses"].values()]
    contents = [content for response in responses for content in response.get("content", {}).values()]

    shown = [(content["schema"], example) for content in contents for example in content.get("examples", {}).values()]

    assert shown
    for schema, example in shown:
        check_value(schema, example["value"])


@pytest.mark.parametrize(
    ("example", "call"),
    [
        pytest.param("days", get("/links/{code}/stats", "/links/full/stats", **CSV), id="link, by day"),
        pytest.param("hours", get("/links/{code}/stats", "/links/full/stats?unit=hour", **CSV), id="link, by hour"),
        pytest.param("days", get("/stats", **CSV), id="all, by day"),
        pytest.param("days", get("/stats", "/stats?unit=month", **CSV), id="all, by month"),
        pytest.param("hours", get("/stats", "/stats?unit=hour", **CSV), id="all, by hour"),
        pytest.param("two", get("/links/{code}/visits", "/links/full/visits", **CSV), id="visits"),
        pytest.param("two", get("/links/{code}/visits", "/links/bare/visits", **CSV), id="no visits"),
    ],
)
@pytest.mark.usefixtures("links")
def test_columns_are_those_of_the_example(http: Http, example: str, call: Call) -> None:
    """A table has the columns that the example shows, in that order."""
    shown = described(call.route, "GET", 200)["content"]["text/csv"]["examples"][example]["value"]

    answer = call.answer(http)

    assert answer.body.decode().splitlines()[0] == shown.splitlines()[0]


@pytest.mark.usefixtures("links")
def test_lines_of_visits_are_as_described(http: Http) -> None:
    """Each line is a visit, in the shown one as in those that are served."""
    content = described("/links/{code}/visits", "GET", 200)["content"]["application/x-ndjson"]
    shown = content["examples"]["one"]["value"]

    served = http.get("/links/full/visits", headers=NDJSON).body.decode()

    lines = [line for text in (shown, served) for line in text.splitlines()]
    assert len(lines) == 1 + len(SEEN)
    for line in lines:
        check_value({"$ref": "#/components/schemas/Visit"}, json.loads(line))


@pytest.mark.usefixtures("links")
def test_the_next_page_is_where_it_is_said_to_be(http: Http) -> None:
    """What `Link` refers to are the visits that follow; the last page refers to none."""
    first = http.get("/links/full/visits?limit=3")

    target = first.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
    second = http.get(f"/links/full/visits{target}")

    assert target.endswith(f"&cursor={first.json_body['next']}")
    assert len(first.json_body["data"]) + len(second.json_body["data"]) == len(SEEN)
    assert second.json_body["next"] is None
    assert "Link" not in second.headers


@pytest.mark.parametrize("wanted", [MINIMAL, FULL, {**FULL, "title": None, "tags": None}])
def test_a_wish_that_is_described_is_granted(http: Http, wanted: dict[str, Any]) -> None:
    """A body that the description allows makes a link."""
    check_value({"$ref": "#/components/schemas/NewLink"}, wanted)

    answer = post(wanted).answer(http)

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("status", "call"),
    [
        pytest.param(201, post(MINIMAL), id="created, minimal"),
        pytest.param(201, post({**FULL, "alias": "fuller"}), id="created, all fields"),
        pytest.param(201, post({**MINIMAL, "unguessable": True}), id="created, unguessable"),
        pytest.param(201, post(MINIMAL, **PLAIN), id="created, as text"),
        pytest.param(200, post(FULL), id="found"),
        pytest.param(200, post(FULL, **PLAIN), id="found, as text"),
        pytest.param(400, post(b'{"url": '), id="half a body"),
        pytest.param(400, post(b"[]", **PAGE), id="no object, as a page"),
        pytest.param(409, post({**MINIMAL, "alias": "full"}), id="alias taken"),
        pytest.param(413, post(b" " * (json_body.MAX_BODY_BYTES + 1)), id="large body"),
        pytest.param(415, post(MINIMAL, **{"Content-Type": "text/plain"}), id="not JSON"),
        pytest.param(422, post({"url": "ftp://x", "alias": "links", "titel": 1, "tags": 1}), id="invalid"),
        pytest.param(422, post({}, **PAGE), id="invalid, as a page"),
        pytest.param(405, Call(route="/links", path="/links", method="PUT"), id="wrong method"),
        pytest.param(200, get("/links/{code}", "/links/full"), id="shown, all fields"),
        pytest.param(200, get("/links/{code}", "/links/bare"), id="shown, minimal"),
        pytest.param(200, get("/links/{code}", "/links/old"), id="shown, from an older table"),
        pytest.param(404, get("/links/{code}", "/links/none"), id="no such link"),
        pytest.param(404, get("/links/{code}", "/links/none", **PAGE), id="no such link, as a page"),
        pytest.param(200, head("/links/{code}", "/links/full"), id="shown, headers only"),
        pytest.param(404, head("/links/{code}", "/links/none"), id="no such link, headers only"),
        pytest.param(301, get("/{code}", "/full"), id="followed, permanent"),
        pytest.param(302, get("/{code}", "/bare"), id="followed"),
        pytest.param(302, get("/{code}", "/none"), id="unknown, home"),
        pytest.param(404, get("/{code}", "/none", **JSON), id="unknown"),
        pytest.param(410, get("/{code}", "/over"), id="expired"),
        pytest.param(410, get("/{code}", "/over", **PAGE), id="expired, as a page"),
        pytest.param(302, head("/{code}", "/bare"), id="followed, headers only"),
        pytest.param(410, head("/{code}", "/over"), id="expired, headers only"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats"), id="statistics"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats?unit=hour"), id="statistics by hour"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats?unit=month"), id="statistics by month"),
        pytest.param(200, get("/links/{code}/stats", "/links/bare/stats"), id="statistics of no visits"),
        pytest.param(200, get("/links/{code}/stats", "/links/over/stats"), id="statistics, expired"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats", **CSV), id="statistics, as CSV"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats", **PAGE), id="statistics, no page"),
        pytest.param(404, get("/links/{code}/stats", "/links/none/stats"), id="statistics, no such link"),
        pytest.param(404, get("/links/{code}/stats", "/links/none/stats", **CSV), id="statistics, no such link, CSV"),
        pytest.param(422, get("/links/{code}/stats", "/links/full/stats?from=x&to=&unit=week"), id="no period"),
        pytest.param(422, get("/links/{code}/stats", "/links/full/stats?from=2999-01-01", **PAGE), id="reversed"),
        pytest.param(422, get("/links/{code}/stats", "/links/full/stats?from=2000-01-01", **CSV), id="long period"),
        pytest.param(200, head("/links/{code}/stats", "/links/full/stats"), id="statistics, headers only"),
        pytest.param(404, head("/links/{code}/stats", "/links/none/stats"), id="statistics, no link, headers only"),
        pytest.param(422, head("/links/{code}/stats", "/links/full/stats?to=x"), id="no period, headers only"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits?limit=2"), id="visits, first page"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits"), id="visits, all"),
        pytest.param(200, get("/links/{code}/visits", "/links/bare/visits"), id="no visits"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits", **CSV), id="visits, as CSV"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits", **NDJSON), id="visits, as lines"),
        pytest.param(200, get("/links/{code}/visits", "/links/bare/visits", **NDJSON), id="no visits, as lines"),
        pytest.param(404, get("/links/{code}/visits", "/links/none/visits"), id="visits, no such link"),
        pytest.param(422, get("/links/{code}/visits", "/links/full/visits?limit=x"), id="no number"),
        pytest.param(422, get("/links/{code}/visits", "/links/full/visits?cursor=x", **NDJSON), id="no cursor"),
        pytest.param(200, head("/links/{code}/visits", "/links/full/visits", **CSV), id="visits, headers only"),
        pytest.param(404, head("/links/{code}/visits", "/links/none/visits"), id="visits, no link, headers only"),
        pytest.param(422, head("/links/{code}/visits", "/links/full/visits?limit=0"), id="no number, headers only"),
        pytest.param(200, get("/stats"), id="all statistics"),
        pytest.param(200, get("/stats", "/stats?unit=hour"), id="all statistics by hour"),
        pytest.param(200, get("/stats", "/stats?unit=month"), id="all statistics by month"),
        pytest.param(200, get("/stats", "/stats?from=2000-01-01&to=2000-01-01"), id="all statistics of no visits"),
        pytest.param(200, get("/stats", **CSV), id="all statistics, as CSV"),
        pytest.param(422, get("/stats", "/stats?unit=week"), id="no unit"),
        pytest.param(200, head("/stats"), id="all statistics, headers only"),
        pytest.param(422, head("/stats", "/stats?unit=week"), id="no unit, headers only"),
        pytest.param(200, get("/"), id="home"),
        *(pytest.param(200, get("/assets/{file}", f"/assets/{file}"), id=file) for file in pages.ASSETS),
        pytest.param(404, get("/assets/{file}", "/assets/none"), id="no such file"),
        pytest.param(200, get("/healthz"), id="health"),
        pytest.param(200, get("/robots.txt"), id="robots"),
        pytest.param(200, get("/favicon.ico"), id="icon"),
        pytest.param(200, get("/openapi.json"), id="description"),
        pytest.param(200, get("/problems/{problem}", "/problems/alias-taken"), id="meaning"),
        pytest.param(200, get("/problems/{problem}", "/problems/alias-taken", **JSON), id="meaning, as JSON"),
        pytest.param(404, get("/problems/{problem}", "/problems/none"), id="no such meaning"),
    ],
)
@pytest.mark.usefixtures("links")
def test_answers_are_as_described(http: Http, status: int, call: Call) -> None:
    """Status, headers, media type and every member of an answer are those of the description."""
    answer = call.answer(http)

    assert answer.status_code == status
    check(call.route, call.method, answer)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(get("/links/{code}/stats", "/links/full/stats?unit=month"), id="statistics"),
        pytest.param(get("/stats", "/stats?unit=month"), id="all statistics"),
    ],
)
@pytest.mark.usefixtures("links")
def test_a_day_that_is_closed_is_as_described(http: Http, call: Call) -> None:
    """Visitors are unknown until a day with visits is closed, and then they are a number."""
    before = call.answer(http)
    visit("full", [{"agent": PERSON, "visitor": "5eed" * 6}], datetime.now(UTC) - timedelta(days=1))
    close_days(datetime.now(UTC))

    after = call.answer(http)

    visitors = [answer.json_body["total"]["visitors"] for answer in (before, after)]
    assert visitors == [None, 1]
    check(call.route, call.method, before)
    check(call.route, call.method, after)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(post(MINIMAL), id="create"),
        pytest.param(get("/links/{code}", "/links/full"), id="show"),
        pytest.param(get("/{code}", "/full"), id="follow"),
        pytest.param(get("/{code}", "/full", **PAGE), id="follow, as a page"),
        pytest.param(get("/links/{code}/stats", "/links/full/stats"), id="statistics"),
        pytest.param(head("/links/{code}/stats", "/links/full/stats"), id="statistics, headers only"),
        pytest.param(get("/links/{code}/visits", "/links/full/visits"), id="visits"),
        pytest.param(head("/links/{code}/visits", "/links/full/visits"), id="visits, headers only"),
        pytest.param(get("/healthz"), id="health"),
        pytest.param(head("/healthz"), id="health, headers only"),
    ],
)
def test_answers_without_the_table_are_as_described(http: Http, call: Call) -> None:
    """What clients are told when the table does not answer is described too."""
    boto3.client("dynamodb").delete_table(TableName=settings.links_table)

    answer = call.answer(http)

    assert answer.status_code == 503
    check(call.route, call.method, answer)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(post(FULL), id="found"),
        pytest.param(get("/links/{code}", "/links/full"), id="show"),
        pytest.param(head("/links/{code}", "/links/full"), id="show, headers only"),
        pytest.param(get("/links/{code}/stats", "/links/full/stats"), id="statistics"),
        pytest.param(get("/links/{code}/stats", "/links/full/stats", **CSV), id="statistics, for who wants CSV"),
        pytest.param(get("/links/{code}/visits", "/links/full/visits"), id="visits"),
        pytest.param(get("/links/{code}/visits", "/links/full/visits", **NDJSON), id="visits, for who wants lines"),
        pytest.param(get("/stats"), id="all statistics"),
        pytest.param(get("/stats", **PAGE), id="all statistics, as a page"),
        pytest.param(head("/stats"), id="all statistics, headers only"),
    ],
)
@pytest.mark.usefixtures("links")
def test_answers_without_the_table_of_clicks_are_as_described(http: Http, call: Call) -> None:
    """A link can be read and its visits cannot: that is described, too."""
    boto3.client("dynamodb").delete_table(TableName=settings.clicks_table)

    answer = call.answer(http)

    assert answer.status_code == 503
    check(call.route, call.method, answer)


def test_a_defect_is_answered_as_described(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 500 is a problem document like any other."""
    monkeypatch.setattr(pages, "home", lambda _: 1 / 0)

    answer = http.get("/")

    assert answer.status_code == 500
    check("/", "GET", answer)
