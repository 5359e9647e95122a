"""Another process on the same database: `storage_child.py URL PREFIX COUNT CALLERS`.

Writes COUNT units of work (0: until it is killed) from CALLERS concurrent callers and prints the
name of each when its write was acknowledged. A unit is two rows, which belong together.
"""

import asyncio
import itertools
import sys

from intone.storage.open import open_database


def write_pair(tx, name):
    tx.execute(
        "INSERT INTO workspaces (id, name, plan, created_at) VALUES (:name, :name, 'p', 1)",
        name=name,
    )
    tx.execute(
        "INSERT INTO grants (id, workspace_id, meter, amount, source, created_at)"
        " VALUES (:name, :name, 'posts', 1, 'child', 1)",
        name=name,
    )


async def main(url, prefix, count, callers):
    database = open_database(url)
    await database.start()
    numbers = iter(range(count)) if count else itertools.count()

    async def call():
        for number in numbers:
            name = f"{prefix}-{number}"
            await database.write(write_pair, name)
            print(name, flush=True)

    await asyncio.gather(*(call() for _ in range(callers)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
