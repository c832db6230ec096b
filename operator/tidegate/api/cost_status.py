"""What Tidegate says of what a service costs."""

from pydantic import Field

from tidegate.api.model import ApiModel
from tidegate.api.status_fields import Rate, Time

MAXIMUM_COST_LEARNED = 1024


class CostStatus(ApiModel):
    """What the service costs, in the currency of the prices: of its pods, from their creation to their end."""

    time: Time = Field(
        description="When this was worked out: when pods came or went, else about every ten minutes while there are "
        "some and it is another. While the service sleeps it stays as it was."
    )
    per_hour: Rate = Field(description="What the pods that were there then cost for an hour.")
    last_day: Rate | None = Field(
        default=None, description="What they have cost in the 24 hours before time, or since the service was made."
    )
    per_million_tokens: Rate | None = Field(
        default=None,
        description="What a million tokens, prompts and answers together, have cost in the last 24 hours, idle time "
        "included. Absent while none were worked on, and where the workUnit is another.",
    )
    per_work_unit: Rate | None = Field(
        default=None,
        description="What one work unit (image, second, embedding, request) has cost in the last 24 hours. Absent "
        "where work is counted in tokens.",
    )
    learned: str | None = Field(
        default=None,
        max_length=MAXIMUM_COST_LEARNED,
        description="The sums of which the above is made, by hour, for the next operator. Not for people.",
    )
