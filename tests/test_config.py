"""Settings: flags before variables before the file, and nothing that cannot be meant."""

from pathlib import Path

import pytest

from intone.config import Settings, load_settings
from intone.errors import InvalidInputError


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
