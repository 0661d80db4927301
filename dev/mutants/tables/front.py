"""The front: what is believed of CloudFront, the packaged distribution, and moving a stage to it."""

from __future__ import annotations

from dev.mutants.mutant import Mutant

_SEEN = "chalicelib/api/front.py"
_PACKAGED = "dev/deploy/front.py"
_CHANGES = "dev/deploy/front_changes.py"
_RELEASE = "dev/deploy/release.py"
_TEST = "tests/api/test_front.py"
_TEMPLATE = "tests/dev/deploy/test_fronts_of_stages.py"
_MOVES = "tests/dev/deploy/test_front_changes.py"
_FORGED = f"{_TEST}::test_forged_headers_are_not_believed"

MUTANTS = (
    Mutant(
        "front: nobody is believed without the secret",
        _SEEN,
        "if not _is_ours(secret):",
        "if secret is None:",
        _FORGED,
    ),
    Mutant(
        "front: the digest of the secret is not the secret",
        _SEEN,
        'digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()',
        "digest = secret if secret in settings.front_secrets else hashlib.sha256(secret.encode()).hexdigest()",
        _FORGED,
    ),
    Mutant(
        "front: country and device are believed of the distribution alone",
        "chalicelib/api/redirect.py",
        'is_of_front = context.get("isOfFront", False)',
        'is_of_front = "isOfFront" in context',
        _FORGED,
    ),
    Mutant(
        "front: facts become only headers that are known",
        _SEEN,
        "{name: text for name, text in told.items() if name in READ}",
        "dict(told)",
        f"{_TEST}::test_what_counting_reads_travels_in_one_header",
    ),
    Mutant(
        "front: a repeated request has one id",
        _SEEN,
        '"requestId": told.get(_ID, ""),',
        '"requestId": context.get("requestId"),',
        f"{_TEST}::TestMaximum",
    ),
    Mutant(
        "front: a repeated request has one time",
        "chalicelib/usecases/track_visit.py",
        "at=_moment_of(visit)\n",
        "at=visit.at\n",
        f"{_TEST}::TestRepeatedRequest",
    ),
    Mutant(
        "front: a repeated request has one slot",
        "chalicelib/usecases/track_visit.py",
        "slots.draw(visit.slots, visitor.certain_id)",
        "slots.draw(visit.slots)",
        f"{_TEST}::TestRepeatedRequest",
    ),
    Mutant(
        "front: a time that cannot be is not believed",
        "chalicelib/usecases/track_visit.py",
        "asked is None or abs(visit.at - asked) > _ASKS_AGAIN_WITHIN",
        "asked is None",
        f"{_TEST}::TestRepeatedRequest",
    ),
    Mutant(
        "front: a repeated request spends one visit",
        "chalicelib/core/visits/visitor.py",
        "return self.visit_id if self.is_of_front else None",
        "return None",
        f"{_TEST}::TestMaximum",
    ),
    Mutant(
        "front: an id that a client chose spends a visit",
        "chalicelib/core/visits/visitor.py",
        "return self.visit_id if self.is_of_front else None",
        "return self.visit_id",
        f"{_TEST}::TestMaximum",
    ),
    Mutant(
        "front: the visit that used a link up is repeated",
        "chalicelib/usecases/follow_link.py",
        "was_let_in = isinstance(ended, LinkUsedUp) and _was_let_in(link, visitor)",
        "was_let_in = False",
        f"{_TEST}::TestMaximum",
    ),
    Mutant(
        "front: a visit is known in the next ten seconds",
        "chalicelib/aws/dynamodb/link_store.py",
        "for each in _VISITS)})",
        "for each in (ids,))})",
        f"{_TEST}::TestMaximum",
    ),
    Mutant(
        "front: what follows a code is decoded once",
        _SEEN,
        "each for number, each in enumerate(path, 1)",
        "unquote(each) for number, each in enumerate(path, 1)",
        f"{_TEST}::test_path_reaches_the_target_as_it_was_sent",
    ),
    Mutant(
        "front: forms at the address of the API go to the page",
        "chalicelib/api/redirect.py",
        'bool(settings.front_secrets) and ".execute-api." not in host',
        "bool(settings.front_secrets)",
        "tests/api/test_forms.py::TestAddressOfTheForm::test_there_is_none_at_the_address_of_the_api",
    ),
    Mutant(
        "front: paths of any length are no routes",
        _SEEN,
        "or len(segments) > len(PATHS)",
        "or len(segments) > 9 * len(PATHS)",
        f"{_TEST}::test_path_becomes_the_route_of_api_gateway",
    ),
    Mutant(
        "front: every path of the API has a behaviour",
        _PACKAGED,
        'not pattern.endswith("/*") and _is_followed(methods):',
        "_is_followed(methods):",
        f"{_TEMPLATE}::test_each_route_is_reached",
    ),
    Mutant(
        "front: patterns that begin with a variable come last",
        _PACKAGED,
        'key=lambda each: (each.startswith("/*"), each)',
        "key=str",
        f"{_TEMPLATE}::test_calls_of_the_api_keep_their_headers",
    ),
    Mutant(
        "front: what counts brings country and device",
        _PACKAGED,
        'if pattern.endswith("/") or pattern.startswith(("/*", "/.form")):',
        'if pattern.endswith("/"):',
        f"{_TEMPLATE}::test_headers_of_each_policy",
    ),
    Mutant(
        "front: nothing trusts CloudFront's headers in the region",
        _PACKAGED,
        "return self.kind == GATEWAY and self.names_at == (EDGE,)",
        "return self.kind == GATEWAY",
        f"{_TEMPLATE}::test_names_are_where_deploy_json_says",
    ),
    Mutant(
        "front: a distribution waits until nothing is believed",
        _CHANGES,
        "if has_distribution(after.template) and _trusts_cloudfront(before.template):",
        "if has_distribution(after.template) and not before.template:",
        f"{_MOVES}::test_distribution_waits_until_nothing_is_believed",
    ),
    Mutant(
        "front: no name is at two of CloudFront's",
        _CHANGES,
        "if {EDGE, CLOUDFRONT} <= was | becomes:",
        "if {EDGE, CLOUDFRONT} <= becomes:",
        f"{_MOVES}::test_names_move_in_steps",
    ),
    Mutant(
        "front: a name is left where DNS may lead by name alone",
        _CHANGES,
        "elif (left := was - becomes) and Host(host).logical_id not in may_go:",
        "elif (left := was - becomes) and not host:",
        f"{_MOVES}::test_names_move_in_steps",
    ),
    Mutant(
        "front: code in use knows a distribution",
        _RELEASE,
        "if not self._reads(bucket, running, needed.reads):",
        "if not running:",
        f"{_MOVES}::test_distribution_waits_for_code_that_knows_it",
    ),
    Mutant(
        "front: a rollback brings back code that knows a distribution",
        _RELEASE,
        "if front.has_distribution(before.template) and not self._reads(bucket, back, stack.FRONT):",
        "if front.has_distribution(before.template) and not back:",
        f"{_MOVES}::test_distribution_waits_for_code_that_knows_it",
    ),
    Mutant(
        "front: the functions know the next secret before it is sent",
        _RELEASE,
        '{"OriginSecretDigests": f"{known},{digest}"}',
        '{"OriginSecretDigests": digest}',
        f"{_MOVES}::test_secret_changes_without_a_request_that_is_disbelieved",
    ),
    Mutant(
        "front: files of another version are kept nowhere",
        "chalicelib/api/site.py",
        "_FOR_EVER if file == pages.digest() else NO_STORE",
        "_FOR_EVER",
        "tests/api/test_assets.py",
    ),
)
