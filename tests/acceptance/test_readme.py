"""The README's commands do what they say when they are pasted."""

import re
import subprocess
from pathlib import Path

from helpers.decoding import decode

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_s_curl_lines_work_when_pasted(server, tmp_path):
    blocks = re.findall(r"<!-- run by .*?-->\n```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert [block.count("curl") for block in blocks] == [3, 1]
    script = "\n".join(blocks).replace("127.0.0.1:8420", f"127.0.0.1:{server.port}")
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env={"PATH": "/usr/bin:/bin:/usr/local/bin", "KEY": server.key},
        capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert '"status":"completed"' in result.stdout
    for name in ("hello.mp3", "streamed.mp3"):
        assert 0.8 < decode((tmp_path / name).read_bytes()).duration < 6


def test_every_setting_is_documented_and_every_documented_setting_exists():
    import msgspec

    from intone.config import Settings

    page = (README.parent / "docs" / "configuration.md").read_text()
    documented = {
        name.lower() for name in re.findall(r"^\| `INTONE_([A-Z_]+)`", page, re.MULTILINE)
    }
    assert documented == {field.name for field in msgspec.structs.fields(Settings)}
