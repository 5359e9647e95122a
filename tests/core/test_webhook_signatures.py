"""Signatures verify by the seed's rule and by the library of Standard Webhooks."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from intone.core.webhook_signatures import (
    SEED_HEADER,
    TOLERANCE_S,
    check_secret,
    new_secret,
    sign,
    verify_seed,
    verify_standard,
)
from intone.errors import InvalidInputError

BODY = '{"event":"generation.ready","data":{"name":"Zoë"}}'.encode()
NOW = int(datetime.now(UTC).timestamp())


def test_the_seed_s_header_is_over_the_body_with_the_secret_as_it_was_shown():
    secret = new_secret()
    headers = sign(BODY, [secret], message_id="m", timestamp=NOW)
    expected = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    assert headers[SEED_HEADER] == f"sha256={expected}"
    assert verify_seed(BODY, secret, headers)
    assert not verify_seed(BODY + b" ", secret, headers)
    assert not verify_seed(BODY, new_secret(), headers)
    assert not verify_seed(BODY, secret, {})


def test_standard_webhooks_library_accepts_what_we_sign_and_we_accept_what_it_signs():
    now = int(datetime.now(UTC).timestamp())  # the library asks the clock
    secret = new_secret()
    headers = sign(BODY, [secret], message_id="msg_1", timestamp=now)
    assert Webhook(secret).verify(BODY, headers)["event"] == "generation.ready"
    assert verify_standard(BODY, secret, headers, now=now)
    theirs = Webhook(secret).sign("msg_1", datetime.fromtimestamp(now, UTC), BODY.decode())
    assert theirs == headers["webhook-signature"]


def test_while_two_secrets_are_valid_each_verifies():
    now = int(datetime.now(UTC).timestamp())  # the library asks the clock
    new, old = new_secret(), new_secret()
    headers = sign(BODY, [new, old], message_id="m", timestamp=now)
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
        assert verify_standard(BODY, secret, headers, now=now)
    assert verify_seed(BODY, new, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": "other"},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-timestamp": "x"},
        {"webhook-timestamp": "9" * 40},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA v2,é"},
    ],
)
def test_what_was_changed_does_not_verify(changes):
    secret = new_secret()
    headers = sign(BODY, [secret], message_id="m", timestamp=NOW) | changes
    assert not verify_standard(BODY, secret, headers, now=NOW)


def test_what_was_recorded_and_replayed_later_does_not_verify():
    secret = new_secret()
    headers = sign(BODY, [secret], message_id="m", timestamp=NOW)
    assert verify_standard(BODY, secret, headers, now=NOW + TOLERANCE_S)
    assert not verify_standard(BODY, secret, headers, now=NOW + TOLERANCE_S + 1)
    assert not verify_standard(BODY, secret, headers, now=NOW - TOLERANCE_S - 1)


def test_secrets_are_random_and_a_malformed_one_is_refused():
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    check_secret(secrets.pop())
    with pytest.raises(InvalidInputError):
        check_secret("whsec_§")
