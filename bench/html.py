"""The HTML reader: how long a megabyte takes it, and how much memory, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.report import Row, at_most, tell

__all__ = ["measure"]

_MEGABYTE = 1_000_000
_ROUNDS = 9

_WORDS = "The valley went on with its work while the first snow fell on roofs and fields. "
_ARTICLE = (
    '<h2 id="part" class="wp-block-heading">A part of the story</h2>\n'
    f'<p class="has-text-align-left">{_WORDS * 3}<a href="https://example.org/a?b=c">More of it</a>'
    f", said <em>somebody</em>. {_WORDS * 2}&#8220;Quoted&#8221; &amp; done.</p>\n"
    '<figure class="wp-block-image size-large"><img src="https://example.org/snow.jpg"'
    ' srcset="https://example.org/snow-300.jpg 300w, https://example.org/snow-1024.jpg 1024w"'
    ' alt="Snow on roofs"><figcaption>The village in winter</figcaption></figure>\n'
    '<ul class="wp-block-list"><li>some bread</li><li>a <strong>little</strong> milk</li></ul>\n'
)
_MANUAL = (
    '<dt><span class="term"><code class="option">--name</code></span></dt><dd><p>Set the '
    '<code class="literal">name</code> of <a class="link" href="x.html" title="X">it</a>, as in '
    '<em>that</em> <span class="quote">“<span class="quote">case</span>”</span>.</p></dd>\n'
)

# The import is paid once, by a short text. Time is the process's own, so that other work on the
# machine hardly counts; memory is what the reading adds, at most, to the process with its input.
_CHILD = """
import json, re, statistics, sys, time
from intone.text.html import read_html

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1])

pattern, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
html = pattern * count
read_html("<p>Once.</p>", "en")
before = kilobytes("VmRSS")
took = []
for _ in range(rounds):
    began = time.process_time()
    text = read_html(html, "en").text
    took.append(time.process_time() - began)
assert len(text) > len(html) / 10
grown = (kilobytes("VmHWM") - before) * 1024
print(json.dumps({"s": statistics.median(took), "best": min(took), "grown": grown / len(html)}))
"""


async def measure(folder: Path) -> list[Row]:  # noqa: ARG001 - nothing is kept
    """An article, and a manual page that is hardly more than tags."""
    if not Path("/proc/self/status").exists():
        tell("html: only Linux says how much memory a process had at most")
        return []
    dense = len(_MANUAL) / _MANUAL.count("<")
    rows = []
    for name, pattern, most in (
        ("an article", _ARTICLE, at_most(0.2)),
        (f"a manual, a tag every {dense:.0f} bytes", _MANUAL, None),
    ):
        found = _child(pattern, _MEGABYTE, _ROUNDS)
        note = f"CPU time; best {found['best']:.2f} s of {_ROUNDS}"
        rows.append(Row("html", f"1 MB of {name}", found["s"], "s", most, note))
        grown = _child(pattern, 5 * _MEGABYTE, 1)["grown"]
        note = "by the size of the input"
        rows.append(Row("html", f"memory, 5 MB of {name}", grown, "×", at_most(10), note))
    return rows


def _child(pattern: str, size: int, rounds: int) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, pattern, str(size // len(pattern) + 1), str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer
