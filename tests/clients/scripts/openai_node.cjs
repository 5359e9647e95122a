// `openai` for Node: plain answers, streamed answers, server-sent events, and its errors.
// It runs in the folder that holds its node_modules.
const fs = require("node:fs");
const readline = require("node:readline");
const { createRequire } = require("node:module");

const OpenAI = createRequire(`${process.cwd()}/`)("openai");

function tell(job, event, more = {}) {
  process.stdout.write(`${JSON.stringify({ number: job.number, event, ...more })}\n`);
}

async function plain(client, job) {
  const answer = await client.audio.speech.create(job.request);
  fs.writeFileSync(job.audio, Buffer.from(await answer.arrayBuffer()));
  tell(job, "end", { kind: answer.headers.get("content-type") });
}

async function streamed(client, job) {
  const answer = await client.audio.speech.create(job.request);
  const pieces = [];
  for await (const chunk of answer.body) {
    if (pieces.length === 0) tell(job, "first", { bytes: chunk.length });
    pieces.push(chunk);
  }
  fs.writeFileSync(job.audio, Buffer.concat(pieces));
  tell(job, "end", { kind: answer.headers.get("content-type") });
}

async function events(client, job) {
  const answer = await client.audio.speech.create({ ...job.request, stream_format: "sse" });
  const decoder = new TextDecoder();
  const pieces = [];
  const seen = [];
  let text = "";
  for await (const chunk of answer.body) {
    text += decoder.decode(chunk, { stream: true });
    const whole = text.split("\n\n");
    text = whole.pop();
    for (const frame of whole) {
      const { audio, ...event } = JSON.parse(frame.slice("data: ".length));
      if (audio) pieces.push(Buffer.from(audio, "base64"));
      if (seen.length === 0) tell(job, "first");
      seen.push(event);
    }
  }
  fs.writeFileSync(job.audio, Buffer.concat(pieces));
  tell(job, "end", { kind: answer.headers.get("content-type"), events: seen, rest: text });
}

async function models(client, job) {
  const found = [];
  for await (const model of client.models.list()) found.push(model.id);
  tell(job, "end", { models: found, one: (await client.models.retrieve(job.model)).id });
}

const WAYS = { plain, streamed, events, models };

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    const client = new OpenAI({ baseURL: job.base_url, apiKey: job.api_key, maxRetries: 0 });
    try {
      await WAYS[job.way](client, job);
    } catch (error) {
      tell(job, "end", {
        error: error.constructor.name,
        status: error.status,
        message: error.message,
        code: error.code,
        kind: error.type,
        request: error.requestID,
        retry_after: error.headers?.get("retry-after"),
      });
    }
  }
}

main();
