"""The base of every API model: camelCase outside, frozen inside, unknown fields ignored.

Unknown fields are ignored on purpose: a CRD newer than the operator must not stop an operator that was rolled back.
The API server has already pruned what its own schema does not know.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""What Kubernetes takes for the name of an object."""

LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
"""What it takes for the value of a label."""


class Rule(NamedTuple):
    """A CEL validation rule of a schema node (`x-kubernetes-validations`)."""

    rule: str
    """A CEL expression over `self` that must be true."""

    message: str
    """What the person who ran `kubectl apply` reads: the field, what is wrong, how to mend it."""

    field_path: str | None = None
    """JSON path of the field to blame, relative to the node: `.maxReplicas`."""

    subject: str | None = None
    """A CEL expression for the value to quote, put before the message: the API server itself quotes none."""

    def to_document(self) -> dict[str, str]:
        """The rule as an item of `x-kubernetes-validations`."""
        named = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": None if self.subject is None else f'{self.subject} + " {self.message}"',
            "fieldPath": self.field_path,
        }
        return {key: value for key, value in named.items() if value is not None}


class ApiModel(BaseModel):
    """A part of a Kubernetes object."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        use_enum_values=False,
    )

    rules: ClassVar[Sequence[Rule]] = ()
    """CEL rules of this object, written into the CRD by `tidegate.api.schema`."""

    def to_document(self) -> dict[str, Any]:
        """The object as Kubernetes writes it: camelCase, absent fields left out."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)
