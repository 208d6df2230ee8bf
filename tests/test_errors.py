"""Errors: their tree, their attributes and texts, and pickling."""

import copy
import pickle
from datetime import UTC, datetime

import pytest

import arena_groups
from arena_groups import (
    ArenaAPIError,
    ArenaConnectionError,
    ArenaError,
    ArenaTimeoutError,
    AuthenticationError,
    BadRequestError,
    BlockedError,
    CallbackError,
    ClientStateError,
    DecodeError,
    DecodeIssue,
    DriftError,
    ForbiddenError,
    NotFoundError,
    OAuthError,
    PacerError,
    PaginationError,
    RateLimit,
    RateLimitError,
    RemovalLimitError,
    RequestTimeoutError,
    ServerError,
    StoreError,
    SyncError,
    SyncPermissionError,
    UnprocessableError,
    UserTier,
    WebhookVerificationError,
)

API_ERRORS = (
    ArenaAPIError,
    BadRequestError,
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    RequestTimeoutError,
    UnprocessableError,
    RateLimitError,
    ServerError,
    BlockedError,
)


class HouseError(ForbiddenError):
    """A subclass outside the package, with another constructor."""

    def __init__(self, house: str) -> None:
        super().__init__(403, error="Forbidden", message=f"not in {house}")
        self.house = house


def api_error(kind: type[ArenaAPIError]) -> ArenaAPIError:
    return kind(
        422,
        error="Unprocessable Entity",
        message="The invitation is no longer pending.",
        details={"errors": ["state"], "more": {"of": [1, None]}},
        method="DELETE",
        route="/v3/groups/{id}/invitations/{invitation_id}",
        request_id="r-1",
        rate_limit=RateLimit(
            limit=120, tier=UserTier("tomorrow"), reset_at=datetime(2026, 3, 9, tzinfo=UTC)
        ),
        retry_after=1.5,
        hint="try something else",
    )


EVERY = [
    ArenaError("a plain one"),
    ClientStateError("this client is closed"),
    ArenaConnectionError("no line", method="GET", route="/v3/me"),
    ArenaTimeoutError("no answer", method="GET", route="/v3/me"),
    ArenaConnectionError("no line"),
    PaginationError("pages without end"),
    StoreError("the store is closed"),
    PacerError("Redis is away"),
    WebhookVerificationError("the webhook has no valid signature"),
    SyncError("members cannot be managed"),
    SyncPermissionError("members cannot be managed"),
    RemovalLimitError(40, 10),
    DriftError(["member 7 is gone"]),
    DecodeError("groups.get", [DecodeIssue("id", "is missing"), DecodeIssue("", "is empty")]),
    OAuthError("invalid_client", description="No.", status=401, request_id="r-1", hint="look"),
    CallbackError("access_denied", description="No."),
    *[api_error(kind) for kind in API_ERRORS],
    HouseError("the library"),
]
every = pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)


def assert_same(again: ArenaError, error: ArenaError) -> None:
    assert type(again) is type(error)
    assert again is not error
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert str(again) == str(error)
    assert repr(again) == repr(error)


class TestTree:
    @pytest.mark.parametrize(
        ("kind", "bases"),
        [
            (ArenaError, (Exception,)),
            (ClientStateError, (ArenaError, RuntimeError)),
            (ArenaConnectionError, (ArenaError,)),
            (ArenaTimeoutError, (ArenaConnectionError, TimeoutError)),
            (PaginationError, (ArenaError,)),
            (StoreError, (ArenaError,)),
            (PacerError, (ArenaError,)),
            (WebhookVerificationError, (ArenaError,)),
            (SyncError, (ArenaError,)),
            (SyncPermissionError, (SyncError,)),
            (RemovalLimitError, (SyncError,)),
            (DriftError, (SyncError,)),
            (DecodeError, (ArenaError,)),
            (OAuthError, (ArenaError,)),
            (CallbackError, (OAuthError,)),
            (ArenaAPIError, (ArenaError,)),
            *[(kind, (ArenaAPIError,)) for kind in API_ERRORS[1:-1]],
            (BlockedError, (ForbiddenError,)),
        ],
    )
    def test_error_has_these_bases(self, kind: type, bases: tuple[type, ...]) -> None:
        assert kind.__bases__ == bases

    def test_every_error_is_public(self) -> None:
        named = {name for name in arena_groups.__all__ if name.endswith("Error")}
        assert named == {type(error).__name__ for error in EVERY} - {"HouseError"}


class TestCopies:
    @every
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_pickled_error_is_the_same(self, error: ArenaError, protocol: int) -> None:
        assert_same(pickle.loads(pickle.dumps(error, protocol)), error)

    @every
    def test_copied_error_is_the_same(self, error: ArenaError) -> None:
        assert_same(copy.copy(error), error)
        assert_same(copy.deepcopy(error), error)

    def test_deep_copy_shares_nothing_with_the_original(self) -> None:
        error = api_error(ServerError)
        again = copy.deepcopy(error)
        assert isinstance(again.details, dict)
        again.details["errors"].append("more")
        assert error.details == {"errors": ["state"], "more": {"of": [1, None]}}

    @every
    def test_pickled_error_has_its_notes(self, error: ArenaError) -> None:
        noted = copy.copy(error)
        noted.add_note("while revoking number 41")
        again = pickle.loads(pickle.dumps(noted))
        assert again.__notes__ == ["while revoking number 41"]
        assert not hasattr(error, "__notes__")

    @every
    def test_unpickled_error_can_be_raised(self, error: ArenaError) -> None:
        with pytest.raises(type(error)) as caught:
            raise pickle.loads(pickle.dumps(error))
        assert_same(caught.value, error)


class TestTexts:
    @pytest.mark.parametrize(
        ("error", "text"),
        [
            (ArenaConnectionError("no line"), "no line"),
            (
                ArenaTimeoutError("no answer", method="GET", route="/v3/me"),
                "no answer [GET /v3/me]",
            ),
            (ArenaAPIError(418), "418"),
            (ArenaAPIError(418, error="I'm a Teapot"), "418 I'm a Teapot"),
            (NotFoundError(404, error="Not Found", message="Not Found"), "404 Not Found"),
            (
                api_error(UnprocessableError),
                (
                    "422 Unprocessable Entity: The invitation is no longer pending. "
                    "[DELETE /v3/groups/{id}/invitations/{invitation_id}] (try something else)"
                ),
            ),
            (
                DecodeError(
                    "groups.get", [DecodeIssue("data[3].id", "is missing"), DecodeIssue("", "?")]
                ),
                "cannot decode groups.get: data[3].id: is missing; the body: ?",
            ),
        ],
    )
    def test_error_has_this_text(self, error: ArenaError, text: str) -> None:
        assert str(error) == text
        assert repr(error) == f"{type(error).__name__}({text!r})"

    def test_api_error_has_its_arguments_as_attributes(self) -> None:
        error = api_error(RateLimitError)
        assert vars(error) == {
            "status": 422,
            "error": "Unprocessable Entity",
            "message": "The invitation is no longer pending.",
            "details": {"errors": ["state"], "more": {"of": [1, None]}},
            "method": "DELETE",
            "route": "/v3/groups/{id}/invitations/{invitation_id}",
            "request_id": "r-1",
            "rate_limit": RateLimit(
                limit=120, tier=UserTier("tomorrow"), reset_at=datetime(2026, 3, 9, tzinfo=UTC)
            ),
            "retry_after": 1.5,
            "hint": "try something else",
        }

    @pytest.mark.parametrize(
        ("count", "end"), [(5, "4: wrong"), (6, "4: wrong; and 1 more"), (905, "; and 900 more")]
    )
    def test_decode_error_shows_the_first_five_issues(self, count: int, end: str) -> None:
        error = DecodeError(
            "x", [DecodeIssue(f"data[0].field{n}", f"{n}: wrong") for n in range(count)]
        )
        assert len(error.issues) == len(error.paths) == count
        assert str(error).endswith(end)
        assert str(error).count("wrong") == 5

    def test_timeout_error_is_a_builtin_timeout_error(self) -> None:
        error = ArenaTimeoutError("no answer")
        assert isinstance(error, TimeoutError)
        assert error.errno is None
        assert error.filename is None
