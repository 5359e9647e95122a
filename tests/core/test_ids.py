import uuid
from concurrent.futures import ThreadPoolExecutor

from intone.core.ids import new_id


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
