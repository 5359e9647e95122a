"""Pipecat's OpenAI TTS service in a pipeline: text in, the frames it would play out."""

import asyncio
from pathlib import Path

from jobs import jobs, tell
from pipecat.frames.frames import EndFrame, ErrorFrame, TTSAudioRawFrame, TTSSpeakFrame
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.workers.runner import WorkerRunner


class Listener(BaseObserver):
    """Keeps what the service pushes on."""

    def __init__(self, service):
        super().__init__()
        self.service, self.audio, self.errors = service, [], []

    async def on_push_frame(self, data):
        if data.source is not self.service:
            return
        if isinstance(data.frame, TTSAudioRawFrame):
            self.audio.append(data.frame)
        elif isinstance(data.frame, ErrorFrame):
            self.errors.append(data.frame.error)


async def speak(job):
    options = job["options"]
    service = OpenAITTSService(
        base_url=options["base_url"],
        api_key=options["api_key"],
        settings=OpenAITTSService.Settings(**options["settings"]),
    )
    listener = Listener(service)
    worker = PipelineWorker(Pipeline([service]), observers=[listener])
    await worker.queue_frames([TTSSpeakFrame(job["text"]), EndFrame()])
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()
    Path(job["audio"]).write_bytes(b"".join(frame.audio for frame in listener.audio))
    tell(
        job,
        "end",
        rates=sorted({frame.sample_rate for frame in listener.audio}),
        channels=sorted({frame.num_channels for frame in listener.audio}),
        frames=len(listener.audio),
        errors=listener.errors,
    )


for job in jobs():
    asyncio.run(speak(job))
