"""A release: new code is published, tried, given to everybody, tried again; and undone if it does not work.

First the new versions are made while the aliases stay where they are, and are tried by invocation. Only then do the
aliases move, and the stack is tried at its address. If a test fails, the stack is put back as it was; visitors never
meet code that fails the first one. A rollback is a release of the code before, without any other change.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from dev.deploy import domain_changes, front, front_changes, stack, versions
from dev.deploy.smoke import SmokeFailed
from dev.deploy.stack import Cloud, Revision, Say, StackFailed, Template

if TYPE_CHECKING:
    from dev.deploy.package import Package

_ALIAS, _VERSION = "AWS::Lambda::Alias", "AWS::Lambda::Version"
_DIGEST = re.compile(r"code/(\w+)\.zip")


class Undone(Exception):
    """The new code does not work, and the stack is as it was before; the message says both, for a person."""


class _Code(NamedTuple):
    """The keys of the two zips of a package: they are released together, and together one goes back to them."""

    shared: str
    api: str

    def __str__(self) -> str:
        return " and ".join(dict.fromkeys(self))

    def as_parameters(self, at: str) -> dict[str, str]:
        """Return the parameters of a stack that name this code: as its ``Key``, or as what was ``Before``."""
        return {f"Artifact{at}": self.shared, f"ApiArtifact{at}": self.api}


_NO_CODE = _Code("", "")


class _Needed(NamedTuple):
    """What code must be able to read before a stack has something that the version before did not know."""

    reads: Mapping[str, str]
    cannot: str
    consequence: str
    """What would come of it for visitors, and what to do first."""
    thing: str


_BEHIND_DISTRIBUTION = _Needed(
    stack.FRONT,
    "cannot work behind a distribution",
    ", and would answer visitors until the new code does. Deploy this version at the present front first, then with"
    " the other.",
    "the other front",
)
_WITH_DOMAINS = _Needed(
    stack.SPACES,
    "does not tell hosts apart",
    ": visitors of a domain with links of its own would follow the default's. Deploy this version without such domains"
    " first, then with.",
    "such domains",
)


@dataclass(frozen=True)
class Tests:
    """How a release is tried. Each raises ``SmokeFailed``, and takes the outputs of the stack."""

    by_invocation: Callable[[Mapping[str, str], Mapping[str, str]], None]
    """Tries versions that nobody is sent to yet: takes their ARNs as well, by the logical ids of their functions."""
    at_address: Callable[[Mapping[str, str]], None]


@dataclass(frozen=True)
class Release:
    """Releases of one stack."""

    cloud: Cloud
    name: str
    tests: Tests
    may_go: Collection[str] = ()
    """The logical ids of what may be replaced or removed, although it keeps data or a name.

    That of a host's domain name lets its links be lost as well, ``ArtifactBefore`` the way back by a rollback.
    """
    say: Say = print

    def deploy(self, package: Package, parameters: Mapping[str, str]) -> dict[str, str]:
        """Release a package; return the outputs of the stack.

        Raises:
            StackFailed: with the reason; the stack is as it was, or the message says how it is.
            SmokeFailed: of a stack that is new, so that there is nothing to go back to.
            Undone
        """
        made = self._deploy(package, parameters)
        if (host := front.host_in(made)) and host != stack.parameters_of(self.cloud, self.name).get("FrontHost"):
            self.say("The distribution has a name now: telling it to the functions ...")
            made = self._deploy(package, parameters)
        return made

    def _deploy(self, package: Package, parameters: Mapping[str, str]) -> dict[str, str]:
        values = {**parameters, **stack.uploaded(self.cloud, package, self.say)}
        before = stack.deployed(self.cloud, self.name)
        if front.has_distribution(package.content):
            kept = before if before is not None and front.has_distribution(before.template) else None
            known = front.kept_secret(kept.parameters) if kept else front.new_secret()
            values = {**front.addresses(stack.outputs(self.cloud, self.name)), **values, **known}
        if before is None:
            return self._create(Revision(package.content, values))
        values |= _code_before(before, _code(values, "Key")).as_parameters("Before")
        target = Revision(package.content, values)
        self._refuse_wrong_ways(before, target)
        return self._change(target, before)

    def rollback(self) -> dict[str, str]:
        """Release the code before the deployed one, with the template and the settings of today; return the outputs.

        Doing it twice brings the newer code back.

        Raises:
            StackFailed: also where there is no code before.
            Undone
        """
        before = stack.deployed(self.cloud, self.name)
        if before is None:
            raise StackFailed(f"There is no stack {self.name} in {self.cloud.region}.")
        bucket = before.parameters.get("ArtifactBucket", "")
        now, back = _code(before.parameters, "Key"), _code(before.parameters, "Before")
        if back == _NO_CODE:
            raise StackFailed(f"{self.name} has had no other code yet, so there is none to go back to.")
        for key in back:
            if not stack.has_object(self.cloud, bucket, key):
                raise StackFailed(f"The code before, {key}, is not in {bucket} any more.")
        if front.has_distribution(before.template) and not self._reads(bucket, back, stack.FRONT):
            raise StackFailed(
                f"{self.name} is not changed: the code before, {back}, {_BEHIND_DISTRIBUTION.cannot}. Mend the code of"
                " now and deploy that."
            )
        if (listed := domain_changes.setting(before.template)) and not self._reads(bucket, back, stack.SPACES):
            raise StackFailed(
                f"{self.name} is not changed: the code before, {back}, {_WITH_DOMAINS.cannot}, and would send"
                f" visitors of {listed} to the default's links of the same codes. Mend the code of now and deploy that;"
                " or take these domains out of .chalice/deploy.json and deploy, and then go back."
            )
        self.say(f"Going back from {now} to {back}. Tables, queues, files and names stay as they are.")
        keys = {**back.as_parameters("Key"), **now.as_parameters("Before")}
        values = {**before.parameters, **_known(before.template, keys)}
        return self._change(_at_once(Revision(_following(before.template), values)), before)

    def change_secret(self) -> dict[str, str]:
        """Change the secret of the distribution, which the functions know whenever it is sent; return the outputs.

        Broken off at any point, it can be run again.

        Raises:
            StackFailed
            Undone
        """
        secret = front.new_secret()
        digest = secret["OriginSecretDigests"]
        known = self._with_distribution().parameters["OriginSecretDigests"]
        self._change_parameters("The functions learn the next secret ...", {"OriginSecretDigests": f"{known},{digest}"})
        self._change_parameters("The distribution sends it ...", {"OriginSecret": secret["OriginSecret"]})
        return self._change_parameters("The functions forget the one before ...", {"OriginSecretDigests": digest})

    def _with_distribution(self) -> Revision:
        """Return the stack as it is.

        Raises:
            StackFailed: also if it has no distribution.
        """
        found = stack.deployed(self.cloud, self.name)
        if found is None or not front.has_distribution(found.template):
            raise StackFailed(f"{self.name} in {self.cloud.region} has no distribution, and so no secret.")
        return found

    def _change_parameters(self, said: str, values: Mapping[str, str]) -> dict[str, str]:
        """Release the code of now with other parameters."""
        self.say(said)
        before = self._with_distribution()
        target = Revision(_following(before.template), {**before.parameters, **values})
        return self._change(_at_once(target), before)

    def _refuse_wrong_ways(self, before: Revision, target: Revision) -> None:
        """Refuse what would send visitors of a host to other links than its own, or to none.

        Raises:
            StackFailed
        """
        wrong: list[str] = []
        bucket = before.parameters.get("ArtifactBucket", "")
        running = _code(before.parameters, "Before" if _is_held(before) else "Key")
        back = _code(target.parameters, "Before")
        # Afterwards it is the rollback itself that says what it cannot bring back.
        if front.has_distribution(target.template) and not front.has_distribution(before.template):
            wrong += self._wrong_codes(bucket, _BEHIND_DISTRIBUTION, running, back)
            if _is_held(before):
                wrong.append("  The release before was broken off: deploy that again, and then with a distribution.")
        if domain_changes.setting(target.template):
            is_asked = not domain_changes.setting(before.template)
            wrong += self._wrong_codes(bucket, _WITH_DOMAINS, running, back if is_asked else _NO_CODE)
        if not wrong:
            has_links = domain_changes.links_of(self.cloud, before.template, self.say)
            wrong += domain_changes.refusals(before, target, has_links, self.may_go)
            wrong += front_changes.refusals(before, target, self.may_go)
        if wrong:
            raise StackFailed("\n".join([f"{self.name} is not changed, for visitors would be led wrong:", *wrong]))

    def _wrong_codes(self, bucket: str, needed: _Needed, running: _Code, back: _Code) -> Iterator[str]:
        """Yield a sentence if the code in use, or else that which a rollback would bring back, is not as ``needed``."""
        if not self._reads(bucket, running, needed.reads):
            yield f"  The code that is in use, {running}, {needed.cannot}{needed.consequence}"
        elif self._is_wanted(back) and not self._reads(bucket, back, needed.reads):
            yield (
                f"  The code that make rollback would bring back, {back}, {needed.cannot}, so rollback would be"
                f" refused. Deploy once more when there is other code, and then with {needed.thing}; or do without that"
                " way back: MAY_REPLACE=ArtifactBefore"
            )

    def _is_wanted(self, back: _Code) -> bool:
        """Tell whether there is code that a rollback brings back, and should be able to."""
        return back != _NO_CODE and "ArtifactBefore" not in self.may_go

    def _reads(self, bucket: str, code: _Code, what: Mapping[str, str]) -> bool:
        return all(stack.reads(self.cloud, bucket, key, what) for key in dict.fromkeys(code))

    def _create(self, target: Revision) -> dict[str, str]:
        made = stack.change(self.cloud, self.name, _named(target), say=self.say)
        try:
            self.tests.at_address(made)
        except SmokeFailed as failed:
            raise SmokeFailed(
                f"{failed}\n{self.name} is new, so there is nothing to go back to. Its logs say more; deploy again when"
                " it is mended."
            ) from failed
        return made

    def _change(self, target: Revision, before: Revision) -> dict[str, str]:
        target = _named(target)
        self._publish(target, before)
        made = self._moved(target, before)
        try:
            self.tests.at_address(made)
        except SmokeFailed as failed:
            self._undo(before, target, failed)
            raise Undone(f"{failed}\nThe code before is in use again.") from failed
        self._delete_versions()
        return made

    def _moved(self, target: Revision, before: Revision) -> dict[str, str]:
        """Move the aliases. An alarm may move them back, and then the rest of the stack goes back with them."""
        try:
            return stack.change(self.cloud, self.name, target, before=before, may_go=self.may_go, say=self.say)
        except StackFailed as failed:
            if not stack.is_at_rest(self.cloud, self.name):
                raise
            self._undo(before, target, failed)
            raise Undone(f"{failed}\nThe stack is as it was before.") from failed

    def _publish(self, target: Revision, before: Revision) -> None:
        """Make the new versions and try them, while the aliases stay. Without anything new there is nothing to do."""
        current = self._aliases()
        if current and not _is_held(before) and _versions(target).keys() <= _versions(before).keys():
            return
        self.say(
            "Making new versions, which nobody is sent to yet ..."
            if current
            else "Making aliases of the functions, before anything calls them ..."
        )
        held = _with_versions_of(before, versions.pinned(target.template, current))
        pinned = replace(target, template=front_changes.while_believed(before.template, held))
        made = stack.change(self.cloud, self.name, pinned, before=before, may_go=self.may_go, say=self.say)
        published = stack.resources(self.cloud, self.name, "AWS::Lambda::Version")
        self.say("Trying the new versions ...")
        try:
            self.tests.by_invocation(made, {function: published[each] for each, function in _versions(target).items()})
        except SmokeFailed as failed:
            self._undo(before, target, failed)
            state = "Nobody was sent to the new code; the code before has stayed in use."
            raise Undone(f"{failed}\n{state if current else 'The code before is in use again.'}") from failed

    def _undo(self, before: Revision, failed: Revision, why: Exception) -> None:
        """Put the stack back as it was. What only the failed release had added may go again: nothing is in it.

        Its versions go as well: Lambda makes no second version of the code that was published last, and the next try
        with that code would fail.
        """
        self.say("That does not work. Putting the stack back as it was ...")
        added = failed.template["Resources"].keys() - before.template["Resources"].keys()
        now = stack.deployed(self.cloud, self.name)
        is_made_anew = front.has_distribution(before.template) and not (now and front.has_distribution(now.template))
        if is_made_anew:
            before = replace(before, parameters={**before.parameters, **front.new_secret()})
        may_go = {*added, *self.may_go}
        try:
            made = stack.change(self.cloud, self.name, _at_once(before), before=failed, may_go=may_go, say=self.say)
        except StackFailed as refused:
            raise StackFailed(
                f"{why}\nThat could not be undone: {refused}\nSay make rollback, or deploy again."
            ) from why
        if is_made_anew:
            self.say(
                f"The distribution was made anew, and is {front.host_in(made)} now. Let DNS lead there, and deploy"
                " again: that tells the functions."
            )
        self._delete_versions()

    def _aliases(self) -> dict[str, str]:
        """Return the version that each alias of the stack names now, by the alias's logical id."""
        functions = self.cloud.client("lambda")
        found: dict[str, str] = {}
        for alias, arn in stack.resources(self.cloud, self.name, "AWS::Lambda::Alias").items():
            function, _, qualifier = arn.rpartition(":")
            with stack.translating_errors():
                found[alias] = functions.get_alias(FunctionName=function, Name=qualifier)["FunctionVersion"]
        return found

    def _delete_versions(self) -> None:
        """Delete the versions that no rollback needs: old ones, and newer ones than those in use, which failed.

        What cannot be deleted stays, and is told.
        """
        functions = self.cloud.client("lambda")
        try:
            for function in stack.resources(self.cloud, self.name, "AWS::Lambda::Function").values():
                pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=function)
                numbers = [each["Version"] for page in pages for each in page["Versions"]]
                aliases = functions.list_aliases(FunctionName=function)["Aliases"]
                shares = [each.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}) for each in aliases]
                in_use = {each["FunctionVersion"] for each in aliases}.union(*shares)
                newest = max((int(each) for each in in_use if each.isdigit()), default=0)
                failed = [each for each in numbers if each.isdigit() and int(each) > newest > 0]
                for number in {*versions.superfluous(numbers, in_use), *failed}:
                    functions.delete_function(FunctionName=function, Qualifier=number)
        except ClientError as refused:
            self.say(f"Versions that nobody needs could not be deleted: {refused}")


def _named(revision: Revision) -> Revision:
    """Return a revision with its versions named: after the code, and the parameters that functions may depend on."""
    digests = {}
    for name, key in _code(revision.parameters, "Key").as_parameters("Key").items():
        found = _DIGEST.fullmatch(key)
        if found is None:
            raise StackFailed(f"{key} is not the name of a package.")
        digests[name] = found[1]
    return replace(revision, template=versions.named(revision.template, revision.parameters, digests))


def _at_once(revision: Revision) -> Revision:
    """Return a revision that traffic moves to at once: an alarm that fires already would refuse it otherwise."""
    if "Gradual" not in revision.template.get("Parameters", {}):
        return revision
    return replace(revision, parameters={**revision.parameters, "Gradual": "off"})


def _code(parameters: Mapping[str, str], at: str) -> _Code:
    """Return the code that parameters name: that of now, ``Key``, or that ``Before`` it.

    A stack of the version before has one zip for all its functions: that of the API function is the same there.
    """
    shared = parameters.get(f"Artifact{at}", "")
    return _Code(shared, parameters.get(f"ApiArtifact{at}") or shared)


def _code_before(before: Revision, code: _Code) -> _Code:
    """Return what is before ``code``: what served visitors last, and is not the same in both zips."""
    ran = _code(before.parameters, "Key")
    if ran == code or _is_held(before):
        ran = _code(before.parameters, "Before")
    return _NO_CODE if ran == code else ran


def _known(template: Template, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of those parameters that a template has: that of the version before has fewer."""
    return {name: value for name, value in values.items() if name in template["Parameters"]}


def _is_held(revision: Revision) -> bool:
    """Tell whether aliases are held at numbers: the release was broken off before visitors got its code."""
    return any(
        isinstance(alias["Properties"]["FunctionVersion"], str)
        for _, alias in versions.of_type(revision.template, _ALIAS)
    )


def _following(template: Template) -> Template:
    """Return a template with aliases that follow its versions, also where it holds them."""
    result = copy.deepcopy(template)
    version_of = {each["Properties"]["FunctionName"]["Ref"]: name for name, each in versions.of_type(result, _VERSION)}
    for _, alias in versions.of_type(result, _ALIAS):
        version = version_of[alias["Properties"]["FunctionName"]["Ref"]]
        alias["Properties"]["FunctionVersion"] = {"Fn::GetAtt": [version, "Version"]}
    return result


def _with_versions_of(before: Revision, template: Template) -> Template:
    """Return a template that keeps the versions of before, which aliases are held at: undoing it moves no alias."""
    result = copy.deepcopy(template)
    for name, version in versions.of_type(before.template, _VERSION):
        if version["Properties"]["FunctionName"]["Ref"] in result["Resources"]:
            result["Resources"].setdefault(name, version)
    return result


def _versions(revision: Revision) -> dict[str, str]:
    """Return the function of each version, both by their logical ids."""
    return {
        name: each["Properties"]["FunctionName"]["Ref"] for name, each in versions.of_type(revision.template, _VERSION)
    }
