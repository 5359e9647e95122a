"""A satellite of the Wyoming protocol, as Home Assistant is one: asks who speaks, has it speak."""

import asyncio
from pathlib import Path

from jobs import jobs, tell
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice


async def describe(job, client):
    await client.write_event(Describe().event())
    info = Info.from_event(await client.read_event())
    tell(job, "end", programs={p.name: [voice.name for voice in p.voices] for p in info.tts})


async def speak(job, client):
    voice = SynthesizeVoice(name=job["voice"])
    await client.write_event(Synthesize(job["text"], voice=voice).event())
    start, pcm = None, []
    while (event := await client.read_event()) is not None:
        if AudioStart.is_type(event.type):
            start = AudioStart.from_event(event)
        elif AudioChunk.is_type(event.type):
            pcm.append(AudioChunk.from_event(event).audio)
        elif AudioStop.is_type(event.type):
            break
        elif Error.is_type(event.type):
            tell(job, "end", error=Error.from_event(event).text)
            return
    Path(job["audio"]).write_bytes(b"".join(pcm))
    tell(job, "end", rate=start.rate, width=start.width, channels=start.channels, chunks=len(pcm))


async def work(job):
    async with AsyncTcpClient("127.0.0.1", job["port"]) as client:
        await {"describe": describe, "speak": speak}[job["way"]](job, client)


for job in jobs():
    asyncio.run(work(job))
