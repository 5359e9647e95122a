"""Which dialect an error belongs to, and which status it has."""

import pytest

from intone.api.dialect import Dialect, dialect_of, neutral_envelope, status_of
from intone.errors import EngineCrashedError, InternalError, IntoneError, PayloadTooLargeError

OUTER = Dialect("outer", ("/v1/voice", "/v2/voice"), (), neutral_envelope)
INNER = Dialect("inner", ("/v1/voice/inner",), (), neutral_envelope)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/voice", OUTER),
        ("/v1/voice/", OUTER),
        ("//v1//voice/jobs", OUTER),
        ("/v2/voice/jobs/1", OUTER),
        ("/v1/voice/inner", INNER),
        ("/v1/voice/inner/1", INNER),
        ("/v1/voice/innermost", OUTER),
        ("/v1/voices", None),
        ("/v1", None),
        ("/", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("dialects", [(OUTER, INNER), (INNER, OUTER)])
def test_the_longest_prefix_wins_and_ends_at_a_slash(path, expected, dialects):
    assert dialect_of(path, dialects) is expected


def test_the_nearest_class_in_the_table_gives_the_status():
    class OurOwnError(PayloadTooLargeError):
        """One that no table names."""

    assert status_of(OurOwnError()) == 413
    assert status_of(EngineCrashedError()) == 502
    assert status_of(InternalError()) == 500
    assert status_of(OurOwnError(), {IntoneError: 500, PayloadTooLargeError: 400}) == 400
