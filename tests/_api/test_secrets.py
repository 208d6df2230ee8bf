"""Secrets, tokens and credentials."""

import copy
import json
import pickle
import re

import pytest

from arena_groups._api import (
    Credentials,
    Secret,
    TokenOrigin,
    checked_token,
)
from tests.support.documents import TOKEN


class TestSecret:
    def test_texts_do_not_show_the_secret(self) -> None:
        secret = Secret(TOKEN)
        for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{secret!s:>40}"):
            assert TOKEN not in shown
        assert secret.reveal() == TOKEN
        assert not hasattr(secret, "__dict__")

    def test_pickle_and_deepcopy_raise(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="a secret cannot be pickled"):
                pickle.dumps(Secret(TOKEN), protocol)
        with pytest.raises(TypeError, match="a secret cannot be pickled"):
            copy.deepcopy(Secret(TOKEN))

    def test_json_raises(self) -> None:
        with pytest.raises(TypeError):
            json.dumps({"token": Secret(TOKEN)})

    def test_credentials_do_not_show_the_token(self) -> None:
        credentials = Credentials(Secret(TOKEN), TokenOrigin.ARGUMENT)
        assert TOKEN not in repr(credentials)
        assert credentials.secrets == (TOKEN,)
        assert Credentials().secrets == ()

    @pytest.mark.parametrize("origin", TokenOrigin)
    def test_valid_token_is_returned(self, origin: TokenOrigin) -> None:
        secret = Secret(TOKEN)
        assert checked_token(secret, origin) is secret

    @pytest.mark.parametrize(
        ("text", "kind", "problem"),
        [
            ("", ValueError, "is empty"),
            (f"{TOKEN}\n", ValueError, "holds a space, a line break or another character"),
            (f"Bearer {TOKEN}", ValueError, "holds a space"),
            (f"{TOKEN}\r\nX-Evil: 1", ValueError, "holds a space"),
            (f"{TOKEN}é", ValueError, "holds a space"),
            (f"{TOKEN}\0", ValueError, "holds a space"),
            (None, TypeError, "is not a string"),
            (TOKEN.encode(), TypeError, "is not a string"),
            (7, TypeError, "is not a string"),
        ],
    )
    @pytest.mark.parametrize("origin", TokenOrigin)
    def test_invalid_token_raises_without_showing_it(
        self, text: str, kind: type[Exception], problem: str, origin: TokenOrigin
    ) -> None:
        with pytest.raises(kind, match=f"^the token from {re.escape(origin)} {problem}") as caught:
            checked_token(Secret(text), origin)
        assert TOKEN not in str(caught.value)
