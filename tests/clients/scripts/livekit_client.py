"""The OpenAI TTS plugin of livekit-agents: text in, the frames it would send into a room out."""

import asyncio
from pathlib import Path

from jobs import jobs, tell
from livekit.agents import APIError
from livekit.plugins import openai


async def speak(job):
    measured = []
    async with openai.TTS(**job["options"]) as tts:
        tts.on("metrics_collected", measured.append)
        async with tts.synthesize(job["text"]) as stream:
            frames = [spoken.frame async for spoken in stream]
    Path(job["audio"]).write_bytes(b"".join(bytes(frame.data) for frame in frames))
    tell(
        job,
        "end",
        rates=sorted({frame.sample_rate for frame in frames}),
        channels=sorted({frame.num_channels for frame in frames}),
        frames=len(frames),
        tokens=[(metrics.input_tokens, metrics.output_tokens) for metrics in measured],
    )


for job in jobs():
    try:
        asyncio.run(speak(job))
    except APIError as error:
        tell(job, "end", error=type(error).__name__, message=str(error))
