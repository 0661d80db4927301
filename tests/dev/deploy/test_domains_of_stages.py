"""Domains in .chalice/deploy.json: what functions get of them, and what is refused with one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.domains import MOST_BYTES, Domains
from dev.deploy import domains, package
from dev.deploy.domains import DomainsRefused

ARN = "arn:aws:acm:us-east-1:1:certificate/x"


def domain(name: str, **more: Any) -> dict[str, Any]:
    """Return a domain as deploy.json has it."""
    return {"name": name, "certificate": ARN, **more}


def test_domains_are_written_as_the_service_reads_them() -> None:
    """Those with a space, and the retired, are in DOMAINS; the others lead to the default's links."""
    listed = [
        domain("team.example", space="team"),
        domain("sho.rt"),
        domain("old-team.example", space="team", retired=True),
        domain("gone.example", retired=True),
        domain("go.rt"),
    ]

    hosts = domains.read("prod", {"domains": listed, "spaces": {"team": {"anyCase": True}}})

    assert hosts.default == ["sho.rt", "go.rt"]
    assert hosts.setting == ("team.example=team:any-case,old-team.example=team:any-case:retired,gone.example=:retired")
    known = Domains.from_text(hosts.setting, "https://sho.rt", hosts.default)
    assert known.at("team.example").id_of("SALE") == "//team/sale"
    assert known.at("go.rt").id_of("SALE") == "SALE"
    assert [known.at(host).is_retired for host in ("team.example", "old-team.example", "gone.example")] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("written", [{}, {"domains": []}, {"domains": [domain("sho.rt"), domain("go.rt")]}])
def test_without_spaces_there_is_no_setting(written: dict[str, Any]) -> None:
    """As before: nothing changes for a stage that does not use them."""
    assert domains.read("prod", written).setting == ""


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"domain": []}, "prod has 'domain' in deploy.json, which means nothing."),
        ({"domains": {}}, '"domains" of prod must be a list of objects'),
        ({"domains": ["sho.rt"]}, '"domains" of prod must be a list of objects'),
        ({"spaces": []}, '"spaces" of prod must be an object of objects'),
        ({"spaces": {"team": True}}, '"spaces" of prod must be an object of objects'),
        ({"domains": [domain("sho.rt", cert="x")]}, "sho.rt has 'cert', which means nothing."),
        ({"domains": [{"certificate": ARN}]}, "None of prod is no host name"),
        *(
            ({"domains": [domain(name)]}, f"{name!r} of prod is no host name as certificates have it")
            for name in ("Sho.rt", "sho.rt.", "sho.rt:8000", "https://sho.rt", "sho.rt/x", "b\u00fccher.rt", "sho..rt")
        ),
        ({"domains": [domain("sho.rt"), domain("sho.rt", space="team")]}, "sho.rt is listed twice in prod."),
        *(
            ({"domains": [domain("sho.rt", space=space)]}, f"sho.rt has the space {space!r}")
            for space in ("", "Team", "a b", "x" * 33, "a/b", "a#b", None, ["team"])
        ),
        ({"domains": [domain("sho.rt", retired="yes")]}, "sho.rt has \"retired\": 'yes', which is neither"),
        ({"domains": [domain("sho.rt", certificate=1)]}, "sho.rt has the certificate 1, which is no text."),
        (
            {"domains": [domain("sho.rt", regionalCertificate=1)]},
            "sho.rt has the regionalCertificate 1, which is no text.",
        ),
        ({"domains": [{"name": "sho.rt"}]}, "sho.rt has no certificate, which AWS needs of every domain: "),
        ({"domains": [{"name": "sho.rt", "retired": True}]}, "of every domain also while it is retired, to answer 404"),
        ({"spaces": {"team": {}}}, "The space 'team' of prod has settings, and no domain has"),
        ({"spaces": {"Team": {}}}, "The space 'Team' of prod has no such name"),
        (
            {"domains": [domain("sho.rt", space="team")], "spaces": {"team": {"case": 1}}},
            "The space 'team' of prod has 'case', which means nothing.",
        ),
        (
            {"domains": [domain("sho.rt", space="team")], "spaces": {"team": {"anyCase": "yes"}}},
            "The space 'team' of prod has \"anyCase\": 'yes', which is neither",
        ),
        (
            {"parameters": {"BaseUrl": "https://sho.rt/go"}, "domains": [domain("sho.rt", space="team")]},
            "DOMAINS of prod names sho.rt twice, or it is the host of BASE_URL.",
        ),
    ],
)
def test_a_mistake_is_one_sentence(written: dict[str, Any], sentence: str) -> None:
    """It says what is wrong, and where."""
    with pytest.raises(DomainsRefused) as refused:
        domains.read("prod", written)

    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_mistakes_are_told_at_once() -> None:
    """A line for each."""
    with pytest.raises(DomainsRefused) as refused:
        domains.read("prod", {"domains": [{"name": "SHO.RT", "space": ""}], "spaces": {"x": {}}})

    assert [line.split()[0] for line in str(refused.value).splitlines()] == ["'SHO.RT'", "SHO.RT", "SHO.RT", "The"]


def test_more_than_fits_is_refused() -> None:
    """With the number of bytes. What just fits is taken."""
    some = [
        domain(f"host-{number:03}.example", space="t") for number in range(MOST_BYTES // len("host-000.example=t,"))
    ]

    assert len(domains.read("prod", {"domains": some}).setting) <= MOST_BYTES
    with pytest.raises(DomainsRefused, match=r"are 2,0\d\d bytes as the setting DOMAINS; 2,000 fit"):
        domains.read("prod", {"domains": [*some, domain("a-host-more.example", space="t")]})


def test_this_machine_needs_no_certificate() -> None:
    """Browsers and curl find *.localhost here by themselves; the address of the server itself has no space."""
    hosts = domains.read("local", {"domains": [{"name": "team.localhost", "space": "team"}, {"name": "go.localhost"}]})

    assert (hosts.setting, hosts.default) == ("team.localhost=team", ["go.localhost"])
    with pytest.raises(DomainsRefused, match=r"it is the host of BASE_URL"):
        domains.read("local", {"domains": [{"name": "127.0.0.1", "space": "team"}]})


def test_a_domain_with_a_space_is_not_where_short_urls_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that leads to the default's links is; without one, it is said that there is none."""
    listed = [domain("team.example", space="team"), domain("gone.example", retired=True)]
    monkeypatch.setattr(package, "deployment", lambda _: {"domains": listed})

    assert "BaseUrl" not in package.parameters("prod")
    assert package.remark("prod").startswith("No domain of prod leads to the default's links")

    listed.append(domain("sho.rt"))
    assert package.parameters("prod")["BaseUrl"] == "https://sho.rt"
    assert package.remark("prod") == ""


def test_an_environment_that_lambda_refuses_is_told() -> None:
    """Names and values of a function, with what only AWS knows taken to be long."""

    def told(domains_bytes: int, **parameters: str) -> list[str]:
        variables = {
            "DOMAINS": "x" * domains_bytes,
            "OWN_HOSTS": {"Fn::Sub": "${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}"},
            "QUEUE": {"Ref": "Queue"},
            "CONTACT": {"Ref": "Contact"},
            "BASE_URL": {"Fn::If": ["HasBaseUrl", {"Ref": "BaseUrl"}, {"Fn::Sub": "https://x"}]},
        }
        function = {"Properties": {"Environment": {"Variables": variables}}}
        template = {"Parameters": {"Contact": {"Default": ""}}, "Resources": {"Function": function, "Topic": {}}}
        return list(domains.large_environments(template, parameters))

    assert told(2000) == []
    (sentence,) = told(2000, Contact="mailto:" + "x" * 2000)
    assert sentence.startswith("Function: its environment would have about 4,")
    assert told(4000)


def test_the_domains_of_this_repository_are_right() -> None:
    """Of every stage; none has a space, so that a deployment as it is changes nothing."""
    for stage in package.STAGES:
        assert package.hosts(stage).setting == ""
