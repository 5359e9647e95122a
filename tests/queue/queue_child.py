"""A second process on the same queue, led by lines on its standard input.

python queue_child.py URL

{"do": "enqueue", "kind": …, "subject": …}   answers {}
{"do": "claim", "kind": …, "lease_ms": …}    answers the claim, once there is one
{"do": "complete", "mark": …}                answers {"lost": bool}; `mark` is written with it
{"do": "drain", "kind": …}                   answers {"subjects": […]}, each claimed and ended
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys

from intone.errors import LeaseLostError
from intone.queue.open import open_queue
from intone.storage.open import open_database


def complete(tx, queue, claim, mark):
    tx.execute(
        "INSERT INTO workspaces (id, name, plan, created_at) VALUES (:mark, :mark, 'pro', 0)",
        mark=mark,
    )
    queue.complete(tx, claim)


async def drain(database, queue, kind):
    subjects = []
    while claims := await queue.claim([kind], limit=2, lease_ms=60_000):
        for claim in claims:
            await database.write(queue.complete, claim)
            subjects.append(claim.subject)
    return subjects


async def main() -> None:
    database = open_database(sys.argv[1])
    await database.start()
    queue = open_queue(database)
    await queue.start()
    held = None
    print("{}", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        answer = {}
        if order["do"] == "enqueue":
            await database.write(queue.enqueue, order["kind"], order["subject"])
        elif order["do"] == "claim":
            kinds, lease_ms = [order["kind"]], order["lease_ms"]
            while not (claims := await queue.claim(kinds, limit=1, lease_ms=lease_ms)):
                await queue.wait(kinds, 1)
            held = claims[0]
            answer = dataclasses.asdict(held)
        elif order["do"] == "complete":
            try:
                await database.write(complete, queue, held, order["mark"])
                answer = {"lost": False}
            except LeaseLostError:
                answer = {"lost": True}
        elif order["do"] == "drain":
            answer = {"subjects": await drain(database, queue, order["kind"])}
        print(json.dumps(answer), flush=True)
    await queue.close()
    await database.close()


asyncio.run(main())
