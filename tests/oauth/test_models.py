"""Values of an OAuth flow: kept in a session, and without secrets in their ``repr``."""

import copy
import pickle

import pytest

from arena_groups.oauth import AuthorizationCode, AuthorizationRequest, OAuthClient
from tests.support.traces import shown_by

CALLBACK_URL = "https://app.example.org/callback"
STATE = "st4te-77"
VERIFIER = "v3rifier-" * 6
REQUEST = AuthorizationRequest(
    "https://www.are.na/oauth/authorize?…", STATE, VERIFIER, CALLBACK_URL
)


def test_request_survives_to_dict_and_pickling() -> None:
    request = OAuthClient("an-app", redirect_uri=CALLBACK_URL).authorize_url()
    kept = request.to_dict()
    assert {type(value) for value in kept.values()} == {str}
    assert AuthorizationRequest.from_dict(kept) == request
    assert pickle.loads(pickle.dumps(request)) == copy.copy(request) == request


@pytest.mark.parametrize(
    "changes", [{"state": None}, {"verifier": ""}, {"redirect_uri": 7}, {"url": ["x"]}]
)
def test_from_dict_with_bad_field_raises_without_showing_secrets(
    changes: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match="to_dict") as caught:
        AuthorizationRequest.from_dict({**REQUEST.to_dict(), **changes})
    shown = shown_by(caught.value)
    assert STATE not in shown
    assert VERIFIER not in shown


def test_repr_shows_no_secret() -> None:
    request = OAuthClient("an-app", redirect_uri=CALLBACK_URL).authorize_url()
    assert repr(request) == (
        "AuthorizationRequest(url=<hidden>, state=<hidden>, verifier=<hidden>, "
        f"redirect_uri={CALLBACK_URL!r})"
    )
    assert repr(AuthorizationCode("c0de")) == "AuthorizationCode(code=<hidden>)"
