"""Invite codes: show, create, delete, QR codes."""

import json
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from tests.support.command_line import AsPerson, At, Captured

GROUP = "research-studio"


@pytest.mark.parametrize("chosen", ["json", "ndjson"])
def test_show_in_json_has_code_and_url(capsys: Captured, as_person: AsPerson, chosen: str) -> None:
    assert run(["invite-code", "show", GROUP, "--format", chosen, *as_person("owner")]) == 0
    invite = json.loads(capsys.readouterr().out)
    assert invite["code"]
    assert invite["code"] in invite["url"]


def test_show_as_table_has_a_field_per_line(capsys: Captured, as_person: AsPerson) -> None:
    assert run(["invite-code", "show", GROUP, "--format", "table", *as_person("owner")]) == 0
    url, code, created = capsys.readouterr().out.splitlines()
    assert url.split()[1].endswith(code.split()[1])
    assert created.startswith("Created")


def test_code_is_created_shown_and_deleted(at: At, capsys: Captured) -> None:
    assert at("invite-code", "show", "blank-page") == 3
    assert at("invite-code", "create", "blank-page") == 0
    capsys.readouterr()
    assert at("invite-code", "create", "blank-page", "--quiet") == 0
    created = json.loads(capsys.readouterr().out)
    assert at("invite-code", "show", "blank-page") == 0
    assert json.loads(capsys.readouterr().out) == created
    assert at("invite-code", "delete", "blank-page", "--yes") == 0
    assert at("invite-code", "show", "blank-page") == 3


def test_show_with_image_options_writes_images(at: At, tmp_path: Path, capsys: Captured) -> None:
    svg, png = tmp_path / "code.svg", tmp_path / "code.png"
    line = ["night-shift", "--qr-svg", str(svg), "--qr-png", str(png)]
    assert at("invite-code", "show", *line) == 0
    assert json.loads(capsys.readouterr().out)["code"]
    assert "<svg " in svg.read_text("utf-8")
    assert png.read_bytes().startswith(b"\x89PNG\r\n")


def test_show_with_unwritable_image_names_path(at: At, tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "no" / "where.svg"
    assert at("invite-code", "show", "night-shift", "--qr-svg", str(path)) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["type"] == "system"
    assert str(path) in error["message"]
