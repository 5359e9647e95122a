"""Signatures, against the vectors that AWS published for its Signature Version 4 test suite."""

from datetime import UTC, datetime

import pytest

from intone.providers.sigv4 import Signer

NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "https://example.amazonaws.com"
LETTERS = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeo"
    "IYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5V"
    "SXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yj"
    "c8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def signer(session_token: str = "") -> Signer:
    return Signer("AKIDEXAMPLE", SECRET, "us-east-1", "service", session_token)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "body", "names", "signature"),
    [
        pytest.param(
            *("GET", "/", [], {}, b"", "host;x-amz-date"),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            id="get-vanilla",
        ),
        pytest.param(
            *("GET", f"/{LETTERS}", [], {}, b"", "host;x-amz-date"),
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            id="get-unreserved",
        ),
        pytest.param(
            *("GET", "/example space/", [], {}, b"", "host;x-amz-date"),
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            id="get-space",
        ),
        pytest.param(
            *("GET", "/", [("Param1", "value2"), ("Param1", "Value1")], {}, b"", "host;x-amz-date"),
            "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
            id="get-vanilla-query-order-key",
        ),
        pytest.param(
            *("GET", "/", [("Param2", "value2"), ("Param1", "value1")], {}, b"", "host;x-amz-date"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            id="get-vanilla-query-order-key-case",
        ),
        pytest.param(
            *("GET", "/", [("Param1", "value2"), ("Param1", "value1")], {}, b"", "host;x-amz-date"),
            "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
            id="get-vanilla-query-order-value",
        ),
        pytest.param(
            *("GET", "/", [(LETTERS, LETTERS)], {}, b"", "host;x-amz-date"),
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            id="get-vanilla-query-unreserved",
        ),
        pytest.param(
            *("GET", "/", [("ሴ", "bar")], {}, b"", "host;x-amz-date"),
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            id="get-vanilla-utf8-query",
        ),
        pytest.param(
            *("POST", "/", [], {}, b"", "host;x-amz-date"),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            *("POST", "/", [("Param1", "value1")], {}, b"", "host;x-amz-date"),
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            id="post-vanilla-query",
        ),
        pytest.param(
            *("POST", "/", [], {"My-Header1": "VALUE1"}, b"", "host;my-header1;x-amz-date"),
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            id="post-header-value-case",
        ),
        pytest.param(
            *("POST", "/", [], {"Content-Type": "application/x-www-form-urlencoded"}),
            *(b"Param1=value1", "content-type;host;x-amz-date"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
    ],
)
def test_a_signature_is_the_published_one(method, path, query, headers, body, names, signature):
    signed = signer().sign(method, HOST + path, now=NOW, query=query, headers=headers, body=body)
    assert signed == {
        "Host": "example.amazonaws.com",
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 "
        "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}",
    }


def test_a_session_token_is_sent_and_signed():
    """`post-sts-header-before`."""
    signed = signer(TOKEN).sign("POST", f"{HOST}/", now=NOW)
    assert signed["X-Amz-Security-Token"] == TOKEN
    assert signed["Authorization"].endswith(
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )


def test_a_signer_does_not_show_its_secrets():
    assert SECRET not in repr(signer(TOKEN))
    assert TOKEN not in repr(signer(TOKEN))
