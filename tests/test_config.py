"""Settings: flags before variables before the file, and nothing that cannot be meant."""

import re
import traceback
from pathlib import Path

import pytest

from intone.config import Route, Settings, load_settings
from intone.errors import InvalidInputError
from intone.providers.registry import create_providers
from intone.providers.settings import ProviderSettings, TimeoutSettings


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def write_file(folder, text):
    folder.mkdir()
    (folder / "intone.toml").write_text(text)


def load(folder, environment=None, **flags):
    return load_settings(flags, {"INTONE_DATA_DIR": str(folder), **(environment or {})})


def test_flags_come_before_variables_and_variables_before_the_file(folder):
    write_file(folder, 'port = 1001\nhost = "10.0.0.1"\nlog_level = "error"\n')
    environment = {"INTONE_PORT": "1002", "INTONE_HOST": "10.0.0.2"}
    chosen = load(folder, environment, port=1003)
    assert (chosen.port, chosen.host, chosen.log_level) == (1003, "10.0.0.2", "error")


def test_a_flag_that_was_not_given_says_nothing(folder):
    assert load(folder, {"INTONE_PORT": "1002"}, port=None, worker=None).port == 1002


def test_the_file_lies_in_the_data_folder_that_the_flag_names(folder, tmp_path):
    write_file(folder, "port = 1001\n")
    chosen = load_settings({"data_dir": folder}, {"INTONE_DATA_DIR": str(tmp_path / "other")})
    assert (chosen.data_dir, chosen.port) == (folder, 1001)


def test_with_nothing_said_the_defaults_hold(folder):
    chosen = load(folder)
    assert chosen == Settings(data_dir=folder)
    assert chosen.database == f"sqlite:///{folder}/intone.db"


def test_variables_are_read_as_what_they_set(folder):
    chosen = load(
        folder,
        {
            "INTONE_WORKER": "false",
            "INTONE_RETENTION_HOURS": "1.5",
            "INTONE_PLANS_FILE": "/plans.toml",
            "INTONE_POLICY_FAIL_OPEN": "1",
        },
    )
    assert (chosen.worker, chosen.retention_hours) == (False, 1.5)
    assert (chosen.plans_file, chosen.policy_fail_open) == (Path("/plans.toml"), True)


def test_an_empty_value_is_no_value(folder):
    write_file(folder, 'oidc_issuer = ""\nbootstrap_key = ""\ndatabase_url = ""\n')
    chosen = load(folder, {"INTONE_PORT": "", "INTONE_OIDC_AUDIENCE": ""})
    assert chosen == Settings(data_dir=folder)


def test_an_unknown_line_of_the_file_is_refused(folder):
    write_file(folder, "prot = 80\n")
    with pytest.raises(InvalidInputError, match="prot"):
        load(folder)


def test_the_file_cannot_name_another_data_folder(folder):
    write_file(folder, 'data_dir = "elsewhere"\n')
    with pytest.raises(InvalidInputError, match="data_dir"):
        load(folder)


def test_variables_of_others_are_left_alone(folder):
    environment = {"INTONE_TEST_REQUIRE": "all", "OTHER_PORT": "9"}
    assert load(folder, environment) == Settings(data_dir=folder)


def test_a_file_that_is_no_toml_is_refused(folder):
    write_file(folder, "port 80")
    with pytest.raises(InvalidInputError, match="intone.toml"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("WORKER", "perhaps"),
        ("WORKER_CONCURRENCY", "-1"),
        ("ENGINE_PROCESSES", "-2"),
        ("MAX_BODY_BYTES", "0"),
        ("BODY_TIMEOUT_S", "0"),
        ("BODY_TIMEOUT_S", "nan"),
        ("RETENTION_SWEEP_S", "0"),
        ("RETENTION_HOURS", "-1"),
        ("RETENTION_HOURS", "nan"),
        ("RETENTION_HOURS", "inf"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(folder, name, value):
    with pytest.raises(InvalidInputError, match=name.lower()):
        load(folder, {f"INTONE_{name}": value})


def test_a_file_that_is_no_text_is_refused(folder):
    folder.mkdir()
    (folder / "intone.toml").write_bytes(b'host = "\xff"')
    with pytest.raises(InvalidInputError, match="intone.toml"):
        load(folder)


SECRET = "sk-9c41-never-to-be-seen"
FILE = f"""
[providers.kokoro]
type = "openai"
base_url = "http://127.0.0.1:8880/v1"
models = ["kokoro"]
prices = {{ "*" = 0.5 }}
voices = {{ alloy = "af_heart" }}
options = {{ lang_code = "a" }}
timeouts = {{ first_byte_s = 60 }}

[providers.openai]
type = "openai"
api_key = "{SECRET}"

[models]
tts-1 = "kokoro/kokoro"

[routes."auto/fast"]
models = ["kokoro/kokoro", "openai/tts-1"]
by = "latency"
"""


def test_providers_models_and_routes_are_tables_of_the_file(folder):
    write_file(folder, FILE)
    chosen = load(folder)
    assert chosen.providers["kokoro"] == ProviderSettings(
        type="openai",
        base_url="http://127.0.0.1:8880/v1",
        models=["kokoro"],
        prices={"*": 0.5},
        voices={"alloy": "af_heart"},
        options={"lang_code": "a"},
        timeouts=TimeoutSettings(first_byte_s=60),
    )
    assert chosen.providers["openai"].api_key == SECRET
    assert chosen.models == {"tts-1": "kokoro/kokoro"}
    assert chosen.routes == {"auto/fast": Route(["kokoro/kokoro", "openai/tts-1"], by="latency")}


def test_variables_lead_into_the_tables_with_two_underscores(folder):
    chosen = load(
        folder,
        {
            "INTONE_PROVIDERS__GROQ__TYPE": "openai",
            "INTONE_PROVIDERS__GROQ__BASE_URL": "https://api.groq.com/openai/v1",
            "INTONE_PROVIDERS__GROQ__API_KEY": SECRET,
            "INTONE_PROVIDERS__GROQ__MODELS": '["playai-tts"]',
            "INTONE_PROVIDERS__GROQ__PRICES": '{"playai-tts": 50}',
            "INTONE_PROVIDERS__GROQ__TIMEOUTS__STALL_S": "2.5",
            "INTONE_PROVIDERS__GROQ__CONCURRENCY": "4",
            "INTONE_ROUTES": '{"auto/any": {"models": ["groq/playai-tts"]}}',
            "INTONE_MODELS": '{"tts-1": "auto/any"}',
        },
    )
    groq = chosen.providers["groq"]
    assert (groq.type, groq.api_key, groq.concurrency) == ("openai", SECRET, 4)
    assert (groq.models, groq.prices) == (["playai-tts"], {"playai-tts": 50})
    assert groq.timeouts == TimeoutSettings(stall_s=2.5)
    assert chosen.routes["auto/any"].models == ["groq/playai-tts"]
    assert chosen.models == {"tts-1": "auto/any"}


def test_a_variable_changes_one_line_of_a_table_and_leaves_the_others(folder):
    write_file(folder, FILE)
    chosen = load(
        folder,
        {
            "INTONE_PROVIDERS__KOKORO__BASE_URL": "http://10.0.0.9:8880/v1",
            "INTONE_PROVIDERS__KOKORO__TIMEOUTS": '{"stall_s": 3}',
            "INTONE_PROVIDERS__OPENAI__API_KEY": "sk-of-the-environment",
        },
    )
    kokoro = chosen.providers["kokoro"]
    assert (kokoro.base_url, kokoro.models) == ("http://10.0.0.9:8880/v1", ["kokoro"])
    assert kokoro.timeouts == TimeoutSettings(first_byte_s=60, stall_s=3)
    assert chosen.providers["openai"].api_key == "sk-of-the-environment"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PROVIDERS__X__TYPE", "", r"providers\.x.*type|type.*providers\.x"),
        ("PROVIDERS__X__PROT", "1", r"prot.*providers\.x"),
        ("PROVIDERS__X__BASE_URL", "127.0.0.1", r"base_url.*providers\.x"),
        ("PROVIDERS__X__CONCURRENCY", "0", r"providers\.x\.concurrency"),
        ("PROVIDERS__X__TIMEOUTS__STALL_S", "soon", r"providers\.x\.timeouts\.stall_s"),
        ("PROVIDERS__X__MODELS", "tts-1,tts-1-hd", r"providers\.x\.models"),
        ("PROVIDERS__X__MODELS", "[tts-1]", "INTONE_PROVIDERS__X__MODELS"),
        ("PROVIDERS__X__PRICES", '{"*": -1}', r"providers\.x\.prices"),
        ("PROVIDERS__X", "openai", "INTONE_PROVIDERS__X__API_KEY"),
        ("PROVIDERS", "openai", "INTONE_PROVIDERS__X__API_KEY"),
        ("ROUTES", '{"auto/fast": {"models": []}}', r"routes\.auto/fast\.models"),
        ("ROUTES", '{"auto/fast": {"models": ["a/b"], "by": "mood"}}', r"routes\.auto/fast\.by"),
        ("MODELS", '{"tts-1": 7.5}', "models"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_without_any_key(folder, name, value, said):
    environment = {"INTONE_PROVIDERS__X__API_KEY": SECRET, f"INTONE_{name}": value}
    if name not in {"PROVIDERS", "PROVIDERS__X", "PROVIDERS__X__TYPE"}:
        environment["INTONE_PROVIDERS__X__TYPE"] = "openai"
    with pytest.raises(InvalidInputError, match=said) as caught:
        load(folder, environment)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_key_that_is_broken_json_is_not_quoted(folder):
    with pytest.raises(InvalidInputError, match="API_KEY") as caught:
        load(folder, {"INTONE_PROVIDERS__X__API_KEY": "{" + SECRET})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_settings_do_not_show_what_they_hold(folder):
    write_file(folder, f'bootstrap_key = "{SECRET}"\n' + FILE)
    chosen = load(
        folder,
        {
            "INTONE_DATABASE_URL": f"postgresql://u:{SECRET}@host/db",
            "INTONE_POLICY_MODERATION_KEY": SECRET,
            "INTONE_PROVIDERS__KOKORO__API_SECRET": SECRET,
        },
    )
    for shown in (repr(chosen), str(chosen), f"{chosen.providers}", f"{chosen!r:>10}"):
        assert SECRET not in shown


def test_the_examples_of_the_documentation_make_providers(folder):
    page = Path(__file__).parents[1] / "docs" / "providers.md"
    examples = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(examples) == 3
    write_file(folder, "\n".join(examples))
    chosen = load(folder)
    providers = create_providers(chosen.providers, processes=1)
    types = {said.type for said in chosen.providers.values()}
    assert types == {"openai", "elevenlabs", "cartesia", "deepgram", "azure", "google", "polly"}
    assert {name for name, one in providers.items() if one.unavailable} == set()


def test_the_variables_of_the_documentation_are_the_ones_that_are_read(folder):
    page = Path(__file__).parents[1] / "docs" / "providers.md"
    lines = re.findall(r"^(INTONE_\w+)='?(.*?)'?$", page.read_text(), re.MULTILINE)
    chosen = load(folder, dict(lines))
    assert chosen.providers["kokoro"].voices == {"alloy": "af_heart"}
    assert chosen.providers["openai"].api_key
