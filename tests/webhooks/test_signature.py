"""Signatures, judged by the official library of Standard Webhooks."""

import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError as OfficialError

from arena_groups import WebhookVerificationError
from arena_groups.webhooks import generate_secret, verify
from arena_groups.webhooks.signature import as_secrets, read_keys, sign
from tests.support.traces import shown_by

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + b64encode(bytes(range(64))).decode()
EVENT_ID = "7/member-joined/0123abcd-12"
BODY = '{"type":"member.joined","name":"Zoë"}'.encode()
NOW = 1_700_000_000


def headers(
    secrets: str | list[str] = SECRET,
    event_id: str = EVENT_ID,
    timestamp: int = NOW,
    body: bytes = BODY,
) -> dict[str, str]:
    keys = read_keys(as_secrets(secrets))
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(keys, event_id, timestamp, body),
    }


secrets = st.binary(min_size=24, max_size=64).map(lambda key: "whsec_" + b64encode(key).decode())
ids = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="."), min_size=1
)


@given(secret=secrets, event_id=ids, body=st.text().map(lambda text: text.encode(errors="replace")))
def test_signature_is_that_of_the_official_library(secret: str, event_id: str, body: bytes) -> None:
    now = int(time.time())
    signed = headers(secret, event_id, now, body)
    official = Webhook(secret)
    assert signed["webhook-signature"] == official.sign(
        event_id, datetime.fromtimestamp(now, UTC), body.decode()
    )
    official.verify(body, signed, json_parse=False)
    assert verify(secret, signed, body) == event_id


@given(secret=secrets, body=st.text().map(lambda text: text.encode(errors="replace")))
def test_webhook_of_the_official_library_is_verified(secret: str, body: bytes) -> None:
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(NOW, UTC), body.decode())
    given_headers = {
        "Webhook-Id": "msg_1",
        "WEBHOOK-TIMESTAMP": str(NOW),
        "Webhook-Signature": f"v1a,{'A' * 88} {signature} v2,x",
    }
    assert verify(secret, given_headers, body, now=NOW) == "msg_1"


def test_while_a_secret_is_replaced_receivers_with_either_verify() -> None:
    signed = headers([OTHER, SECRET], timestamp=int(time.time()))
    assert signed["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(BODY, signed)
        verify(secret, signed, BODY)
    only_new = headers(OTHER)
    assert verify(f"{SECRET}  {OTHER}\n", only_new, BODY, now=NOW) == EVENT_ID
    assert verify([SECRET, OTHER], only_new, BODY, now=NOW) == EVENT_ID
    with pytest.raises(WebhookVerificationError):
        verify(SECRET, only_new, BODY, now=NOW)


@pytest.mark.parametrize("bare", [SECRET.removeprefix("whsec_"), SECRET.rstrip("=")])
def test_secret_without_prefix_or_padding_is_the_same(bare: str) -> None:
    Webhook(bare).verify(BODY, headers(timestamp=int(time.time())))
    assert verify(bare, headers(), BODY, now=NOW) == EVENT_ID


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "7/member-joined/0123abcd-13"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "\u0661700000000"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,!!! v1,QUJD"},
        {"webhook-signature": "v1,\u00e9"},
        {"webhook-signature": "v1,\udcff"},
        {"webhook-id": "\udcff"},
        {"webhook-id": f"{EVENT_ID}\ud800"},
        {"webhook-timestamp": "\udcff"},
        {"webhook-signature": headers(OTHER)["webhook-signature"]},
        {"webhook-signature": headers()["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": headers()["webhook-signature"].replace("v1,", "v1a,")},
    ],
)
def test_changed_header_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError) as caught:
        verify(SECRET, headers() | change, BODY, now=NOW)
    assert SECRET.removeprefix("whsec_") not in shown_by(caught.value)


@pytest.mark.parametrize("missing", headers())
def test_missing_header_is_refused(missing: str) -> None:
    found = {name: value for name, value in headers().items() if name != missing}
    with pytest.raises(WebhookVerificationError, match="missing"):
        verify(SECRET, found, BODY, now=NOW)


@pytest.mark.parametrize("body", [b"", BODY + b"\n", BODY.replace(b":", b": "), BODY[:-1]])
def test_changed_body_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookVerificationError, match="no valid signature"):
        verify(SECRET, headers(), body, now=NOW)


@pytest.mark.parametrize("difference", [-301, 301])
def test_time_outside_of_the_tolerance_is_refused_as_by_the_official_library(
    difference: int,
) -> None:
    late = headers(timestamp=int(time.time()) + difference * 2)
    with pytest.raises(OfficialError):
        Webhook(SECRET).verify(BODY, late)
    with pytest.raises(WebhookVerificationError, match="old" if difference < 0 else "new"):
        verify(SECRET, headers(timestamp=NOW + difference), BODY, now=NOW)
    verify(SECRET, headers(timestamp=NOW + difference), BODY, now=NOW, tolerance=400)


@pytest.mark.parametrize("difference", [-300, 0, 300])
def test_time_within_the_tolerance_is_accepted(difference: int) -> None:
    assert verify(SECRET, headers(timestamp=NOW + difference), BODY, now=NOW) == EVENT_ID


INVALID: list[Any] = [
    "",
    "  ",
    [],
    "whsec_",
    "password",
    "whsec_" + b64encode(bytes(23)).decode(),
    "whsec_" + b64encode(bytes(65)).decode(),
    "whsk_" + b64encode(bytes(32)).decode(),
    SECRET.replace("+", "-").replace("A", "_"),
    f"{SECRET} nonsense-secret",
    [SECRET, "nonsense-secret"],
    "whsec_" + "ä" * 40,
]


@pytest.mark.parametrize("secret", INVALID)
def test_invalid_secret_is_refused_and_not_shown(secret: Any) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes") as caught:
        verify(secret, headers(), BODY, now=NOW)
    shown = shown_by(caught.value)
    for part in secret.split() if isinstance(secret, str) else secret:
        assert len(part) < 8 or part.removeprefix("whsec_") not in shown


@pytest.mark.parametrize("secret", [b"whsec_AAAA", 7, None, [7]])
def test_secret_of_another_type_is_refused(secret: Any) -> None:
    with pytest.raises(TypeError, match="secret must be"):
        verify(secret, headers(), BODY, now=NOW)


def test_parsed_body_is_refused() -> None:
    with pytest.raises(TypeError, match="body must be"):
        verify(SECRET, headers(), {"type": "member.joined"}, now=NOW)  # type: ignore[arg-type]


def test_generated_secrets_differ_and_are_valid() -> None:
    first, second = generate_secret(), generate_secret()
    assert first != second
    assert first.startswith("whsec_")
    verify([first, second], headers(second), BODY, now=NOW)
    Webhook(first)
