import uuid
from concurrent.futures import ThreadPoolExecutor

from intone.core.ids import new_id, new_ordered_id


def test_an_id_is_a_version_4_uuid_in_canonical_text():
    made = new_id()
    assert str(uuid.UUID(made)) == made
    assert uuid.UUID(made).version == 4
    assert uuid.UUID(made).variant == uuid.RFC_4122


def test_threads_that_make_ids_at_once_never_make_the_same():
    with ThreadPoolExecutor(8) as pool:
        made = [
            new
            for many in pool.map(lambda _: [new_id() for _ in range(5_000)], range(8))
            for new in many
        ]
    assert len(set(made)) == len(made) == 40_000


def test_an_ordered_id_is_a_version_7_uuid_of_its_moment_and_sorts_by_it():
    made = [new_ordered_id(at_ms) for at_ms in (1, 1_795_255_487_008, 1_795_255_487_009)]
    for at_ms, text in zip((1, 1_795_255_487_008, 1_795_255_487_009), made, strict=True):
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 7, uuid.RFC_4122)
        assert parsed.int >> 80 == at_ms
    assert made == sorted(made)
    assert len({new_ordered_id(5) for _ in range(10_000)}) == 10_000
