"""docker-compose.yml, checked without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from channels.email import limits
from router.app import ProcessRole
from router.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ROLES = [role.value for role in ProcessRole]
OURS = ["migrate", *ROLES]


def test_every_role_is_a_service_that_runs_its_command():
    assert {name: SERVICES[name]["command"] for name in OURS} == {name: name for name in OURS}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_write_nothing_and_gain_nothing(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(volume.endswith(":ro") for volume in service["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_every_setting_can_be_set_but_for_what_the_image_says(name):
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    of_the_image = {"FRONTDESK_DATA_DIR", "FRONTDESK_HTTP_HOST", "FRONTDESK_HTTP_PORT", "FRONTDESK_LOG_FORMAT"}

    assert set(SERVICES[name]["environment"]) == known - of_the_image


def test_what_the_sample_says_of_settings_are_their_defaults():
    sample = re.findall(r"^#FRONTDESK_(\w+)=(.+)$", (ROOT / "deploy" / "sample.env").read_text(), re.MULTILINE)

    assert [(name, str(Settings.model_fields[name.lower()].default)) for name, _ in sample] == sample


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_release(name):
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", SERVICES[name]["image"])


def test_the_image_is_that_of_this_release():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    assert version
    assert SERVICES["api"]["image"] == f"frontdesk:{version[1]}"


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", ROLES)
def test_roles_wait_for_the_schema_and_the_broker(name):
    awaited = {service: wait["condition"] for service, wait in SERVICES[name]["depends_on"].items()}

    assert awaited == {"migrate": "service_completed_successfully", "rabbitmq": "service_healthy"}


def test_whatever_is_waited_for_until_it_is_healthy_has_a_health_check():
    awaited = [
        (waited, wait["condition"])
        for service in SERVICES.values()
        for waited, wait in service.get("depends_on", {}).items()
    ]

    assert all("healthcheck" in SERVICES[waited] for waited, condition in awaited if condition == "service_healthy")


def test_passwords_have_no_default_and_stand_in_the_sample_without_a_value():
    used = re.findall(r"\$\{(\w+_PASSWORD)(:\?|)", (ROOT / "docker-compose.yml").read_text())
    sample = (ROOT / "deploy" / "sample.env").read_text().splitlines()

    assert {required for _, required in used} == {":?"}
    assert all(f"{variable}=" in sample for variable, _ in used)


def test_every_variable_that_can_be_set_stands_in_the_sample():
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    sample = re.findall(r"^#?([A-Z_]+)=", (ROOT / "deploy" / "sample.env").read_text(), re.MULTILINE)

    assert used == set(sample)


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_from_here_is_here(name):
    mounted = [volume.partition(":")[0] for volume in SERVICES[name].get("volumes", [])]

    assert all((ROOT / path).exists() for path in mounted if path.startswith("."))
    assert {path for path in mounted if not path.startswith(".")} <= set(COMPOSE["volumes"])


def test_the_broker_takes_every_mail_that_frontdesk_takes():
    (configuration,) = (volume for volume in SERVICES["rabbitmq"]["volumes"] if "/etc/rabbitmq/conf.d/" in volume)
    limit = re.search(r"^max_message_size = (\d+)$", (ROOT / configuration.split(":")[0]).read_text(), re.MULTILINE)

    assert limit
    assert int(limit[1]) > limits.MAX_BYTES


def test_the_policy_is_read_where_it_is_mounted():
    settings, (mount,) = SERVICES["intake"]["environment"], SERVICES["intake"]["volumes"]
    here, there, _ = mount.split(":")

    assert (ROOT / settings["FRONTDESK_POLICY_PATH"].replace(there, here, 1)).is_file()
