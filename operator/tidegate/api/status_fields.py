"""Fields that the parts of a status have in common. All have an end: what comes from outside has none."""

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Rate = Annotated[str, Field(max_length=24)]
Sentence = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(max_length=128)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
