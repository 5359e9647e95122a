"""`openai` for Python: plain answers, streamed answers, server-sent events, and its errors."""

import base64
import json
from pathlib import Path

import openai
from jobs import jobs, tell


def plain(client, job):
    answer = client.audio.speech.create(**job["request"])
    answer.write_to_file(job["audio"])
    tell(job, "end", kind=answer.response.headers["content-type"])


def streamed(client, job):
    with (
        client.audio.speech.with_streaming_response.create(**job["request"]) as answer,
        Path(job["audio"]).open("wb") as file,
    ):
        for number, chunk in enumerate(answer.iter_bytes()):
            file.write(chunk)
            if number == 0:
                tell(job, "first", bytes=len(chunk))
    tell(job, "end", kind=answer.headers["content-type"], request=answer.request_id)


def events(client, job):
    seen = []
    request = {**job["request"], "stream_format": "sse"}
    with (
        client.audio.speech.with_streaming_response.create(**request) as answer,
        Path(job["audio"]).open("wb") as file,
    ):
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                assert not line, line
                continue
            event = json.loads(line.removeprefix("data: "))
            file.write(base64.b64decode(event.pop("audio", "")))
            if not seen:
                tell(job, "first")
            seen.append(event)
    tell(job, "end", kind=answer.headers["content-type"], events=seen)


def models(client, job):
    tell(
        job,
        "end",
        models=[model.id for model in client.models.list()],
        one=client.models.retrieve(job["model"]).id,
    )


WAYS = {"plain": plain, "streamed": streamed, "events": events, "models": models}

for job in jobs():
    client = openai.OpenAI(base_url=job["base_url"], api_key=job["api_key"], max_retries=0)
    try:
        WAYS[job["way"]](client, job)
    except openai.APIStatusError as error:
        tell(
            job,
            "end",
            error=type(error).__name__,
            status=error.status_code,
            message=error.message,
            code=error.code,
            body=error.body,
            kind=error.type,
            request=error.request_id,
            retry_after=error.response.headers.get("retry-after"),
        )
    except Exception as error:  # noqa: BLE001 - it is what the client's user would see
        tell(job, "end", error=type(error).__name__, message=str(error))
