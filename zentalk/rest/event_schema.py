"""The event log as the OpenAPI document shows it: a union of all types, told apart by `type`.

Made of the table of bodies. Answers are not validated with it: an event that an earlier version
wrote is shown as it was written.
"""

from __future__ import annotations

import functools
import operator
import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, create_model

from zentalk.rest.base import Resource
from zentalk.rest.event_bodies import EVENT_BODIES

_UNKNOWN: Final = "Pass over an event whose `type` you do not know: a newer node may have more."


def _model(kind: str, body: type[Resource]) -> type[Resource]:
    name = "".join(word.capitalize() for word in re.split(r"[._-]", kind))
    fields: dict[str, Any] = {
        "seq": (int, Field(description="its number: no later event has a smaller one")),
        "type": (Literal[kind], ...),
        "at": (float, Field(description="unix seconds")),
        "data": (body, ...),
    }
    return create_model(f"{name}Event", __base__=Resource, __doc__=f"`{kind}`.", **fields)


_MODELS: Final = [_model(kind, body) for kind, body in EVENT_BODIES.items()]
_UNION: Final[Any] = functools.reduce(operator.or_, _MODELS)
TypedEvent: Any = Annotated[_UNION, Field(discriminator="type", description=_UNKNOWN)]
"""Any event of this version, as a type for pydantic."""
TYPED_EVENT: Final[TypeAdapter[Resource]] = TypeAdapter(TypedEvent)

EventsPage: Final[type[Resource]] = create_model(
    "EventsPage",
    __base__=Resource,
    __doc__="A page of the event log, oldest first.",
    events=(list[TypedEvent], ...),
    next=(int, Field(description="where to go on: past all that the filters left out")),
)
