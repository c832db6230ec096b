"""What is raised when a request to the API server comes to nothing."""

from http import HTTPStatus


class ClusterError(Exception):
    """The API server refused, or could not be reached (`status` 0)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{reason or status}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def is_conflict(self) -> bool:
        """Somebody else was faster, or owns the field."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def is_absent(self) -> bool:
        """The object, or its namespace, is gone."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def is_refusal(self) -> bool:
        """The same request would be refused again: it is invalid, forbidden, or an admission webhook says no."""
        return self.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}

    @property
    def is_internal(self) -> bool:
        """Trouble of its own, or an apply with a field, a type or a quantity that it cannot read: both are 500."""
        return self.status == HTTPStatus.INTERNAL_SERVER_ERROR
