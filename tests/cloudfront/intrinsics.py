"""A template's intrinsic functions and conditions: what they come to, with what only AWS knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Template:
    """A template's intrinsic functions, with the values of what only AWS knows."""

    template: Mapping[str, Any]
    values: Mapping[str, Any]

    def read(self, value: Any) -> Any:
        """Return a value without intrinsic functions."""
        if isinstance(value, list):
            return [each for each in map(self.read, value) if each is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument) = next(iter(value.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._called(name, argument)
        read = {name: self.read(each) for name, each in value.items()}
        return {name: each for name, each in read.items() if each is not None}

    def resources(self, kind: str) -> dict[str, Any]:
        """Return the properties of the resources of a kind, by their names, as they are written."""
        found = self.template["Resources"].items()
        return {
            name: each.get("Properties", {})
            for name, each in found
            if each["Type"] == kind and ("Condition" not in each or self._holds(each["Condition"]))
        }

    def _called(self, name: str, argument: Any) -> Any:
        called: dict[str, Callable[[Any], Any]] = {
            "Ref": self._named,
            "Fn::GetAtt": lambda it: self._named(it if isinstance(it, str) else ".".join(it)),
            "Fn::Sub": self._filled,
            "Fn::If": lambda it: self.read(it[1 if self._holds(it[0]) else 2]),
            "Fn::Join": lambda it: it[0].join(map(str, self.read(it[1]))),
            "Fn::Split": lambda it: self.read(it[1]).split(it[0]),
            "Fn::Select": lambda it: self.read(it[1])[int(self.read(it[0]))],
        }
        require(name in called, f"The stand-in for CloudFront does not know {name}")
        return called[name](argument)

    def _filled(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        known = self.read(given)
        return re.sub(r"\$\{([\w.:]+)\}", lambda it: str(known[it[1]] if it[1] in known else self._named(it[1])), text)

    def _named(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return None
        parameter = self.template.get("Parameters", {}).get(name, {})
        if name not in self.values and name.partition(".")[0] in self.template["Resources"]:
            return name
        value = self.values.get(name, parameter.get("Default"))
        require(value is not None, f"The stand-in for CloudFront needs a value for {name}")
        return value.split(",") if isinstance(value, str) and "List" in parameter.get("Type", "") else value

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            known = self.values.get(condition)
            return bool(self._holds(self.template["Conditions"][condition]) if known is None else known)
        (name, argument) = next(iter(condition.items()))
        match name:
            case "Condition":
                return self._holds(argument)
            case "Fn::Equals":
                return bool(self.read(argument[0]) == self.read(argument[1]))
            case "Fn::Not":
                return not self._holds(argument[0])
            case "Fn::And" | "Fn::Or":
                return (all if name == "Fn::And" else any)(self._holds(each) for each in argument)
            case _:
                raise ValueError(f"The stand-in for CloudFront does not know {name}")


def require(condition: object, message: str) -> None:
    """Refuse a template that CloudFront would not take, or that the stand-in does not model."""
    if not condition:
        raise ValueError(message)
