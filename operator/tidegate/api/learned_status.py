"""What Tidegate says of what it has learned of a variant: how much a replica can do, and how soon one is ready."""

from enum import StrEnum

from pydantic import Field

from tidegate.api.model import ApiModel
from tidegate.api.status_fields import Count, Rate, Time, Word


class Confidence(StrEnum):
    """How sure a capacity is."""

    GIVEN = "Given"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class LearnedCapacity(ApiModel):
    """What one replica can do. One step of an engine lasts alpha + beta * sequences + c * prompt tokens in it."""

    variant: Word = Field(description="The variant that it is about; default where there is no other.")
    units_per_second: Rate | None = Field(
        default=None,
        description="Work that one replica can do of the requests that come now, in work units per second. Absent "
        "while that is not known.",
    )
    requests_per_second: Rate | None = Field(
        default=None, description="The same in requests per second. Absent while it is not known how large they are."
    )
    requests_at_once: Rate | None = Field(
        default=None,
        description="How many requests one replica works on at once when full. The fewer, the more room is left for "
        "requests that come by chance together. Absent while that is not known, and where the capacity is given.",
    )
    confidence: Confidence = Field(
        description="How sure that is. Given: it is scaling.tokenThroughput, and was not learned. High: learned, to "
        "within 15 percent. Medium: to within 40. Low: not even so. Absent numbers are Low."
    )
    template_hash: Word | None = Field(
        default=None,
        description="The pod-template-hash of the pods it was learned from. Pods of another start afresh.",
    )
    alpha_milliseconds: Rate | None = Field(
        default=None, description="What a step takes, however little is in it, in milliseconds."
    )
    beta_milliseconds: Rate | None = Field(
        default=None, description="What each sequence in a step adds to it, in milliseconds."
    )
    c_milliseconds: Rate | None = Field(
        default=None, description="What each prompt token in a step adds to it, in milliseconds."
    )
    samples: Count = Field(default=0, description="How many looks at pods at work it was learned from.")
    time: Time = Field(description="When this was written: after a change of more than 5 percent, or ten minutes.")


class LearnedLeadTime(ApiModel):
    """How long pods take from their creation until they are ready."""

    variant: Word = Field(description="The variant that it is about; default where there is no other.")
    p50_seconds: Count = Field(description="Half of them take no longer, in seconds.")
    p75_seconds: Count = Field(
        description="Three of four take no longer, in seconds. So far ahead demand is forecast, and schedules begin."
    )
    samples: Count = Field(description="From how many pods: of the latest, up to 20.")
    time: Time = Field(description="When this was written: after a change of more than 5 percent, or ten minutes.")
