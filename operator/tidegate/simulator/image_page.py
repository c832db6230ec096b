"""The metrics page of a simulated engine that no table knows: one that paints images.

It stands for every engine of type Custom: its names exist nowhere else, its work unit is the image.
"""

from .exposition import counter, gauge
from .replica import Replica


def image_page(replica: Replica, *, images: int) -> str:
    """Write the page of a replica that the caller has brought to now and that has painted so many images."""
    measures = replica.measures
    return "".join(
        (
            gauge("painter_queue_length", "Requests that wait.", {}, replica.waiting),
            gauge("painter_active_requests", "Requests being painted.", {}, replica.running),
            counter("painter_requests_received", "Requests that arrived.", [({}, measures.received)]),
            counter("painter_requests_finished", "Requests that ended normally.", [({}, measures.finished)]),
            counter("painter_images", "Images finished.", [({}, images)]),
        )
    )
