"""Proxies, passwords, rate and name: from the user's settings to what a server sees."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support.connect_proxy import ConnectProxy
from support.fault_server import FaultServer
from support.fetching import real_paths
from support.wait import wait_until

if TYPE_CHECKING:
    from conftest import Isolated
    from support.lab import Lab

PROXY_USER = "ada:hunter2+x"


def add_to_config(lab: Lab, line: str) -> None:
    """Add a setting of ``[download]``."""
    with lab.config.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@pytest.mark.parametrize("password", ["hunter2+x", "hunter3+y"])
def test_password_of_a_proxy_stays_out_of_job_log_and_record(
    password: str, lab: Lab, isolated: Isolated
) -> None:
    with ConnectProxy(user=PROXY_USER) as proxy:
        env = {"http_proxy": f"http://ada:{password}@{proxy.address}"}
        started = lab.run("-v", "download", "3hya", "1kqe", "--bg", env=env)
        job_id = started.stdout.split()[2]
        wait_until(
            lambda: (
                '"status": "running"' not in _record(isolated, job_id)
                and '"status": "queued"' not in _record(isolated, job_id)
            ),
            what="the job to end",
        )
        asked = list(proxy.asked)
    status = "completed" if PROXY_USER.endswith(password) else "failed"
    assert f'"status": "{status}"' in _record(isolated, job_id)
    assert asked[0].startswith(f"GET {lab.mirror.url}")
    shown = started.stdout + started.stderr
    shown += lab.run("jobs", "status", job_id).stdout + lab.run("jobs", "-o", "json").stdout
    stored = [path.read_text() for path in isolated.jobs_dir.rglob("*") if path.is_file()]
    assert len(stored) > 3
    assert password not in shown + "".join(stored)
    if status == "failed":
        assert any("407" in text for text in stored)


def _record(isolated: Isolated, job_id: str) -> str:
    """Return a job's record as text."""
    return (isolated.jobs_dir / job_id / "meta.json").read_text()


def test_mirror_that_asks_for_a_password_gets_that_of_the_netrc_file(
    lab: Lab, isolated: Isolated
) -> None:
    text = lab.config.read_text(encoding="utf-8")
    with FaultServer(real_paths()) as private:
        private.authorization = "Basic YWRhOmh1bnRlcjI="
        lab.config.write_text(text.replace(lab.mirror.url, f"{private.url}/pub/pdb"))
        assert lab.run("download", "3hya").returncode == 1
        (isolated.home / ".netrc").write_text("machine 127.0.0.1 login ada password hunter2\n")
        done = lab.run("-v", "download", "3hya")
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr


def test_servers_are_told_who_asks_and_where_to_complain(lab: Lab) -> None:
    add_to_config(lab, 'contact_url = "https://lab.example/pdb"')
    assert lab.run("download", "3hya").returncode == 0
    agent = lab.mirror.requests[0].headers["user-agent"]
    assert agent.startswith("pdb-cli/")
    assert agent.endswith(" (+https://lab.example/pdb)")


@pytest.mark.parametrize("by_flag", [True, False])
def test_rate_limit_of_flag_or_setting_is_kept(lab: Lab, *, by_flag: bool) -> None:
    if not by_flag:
        add_to_config(lab, 'limit_rate = "60K"')
    flags = ["--limit-rate", "60K"] if by_flag else []
    started_s = time.monotonic()
    done = lab.run("download", "3hya", "1kqe", "1dsr", "1c58", *flags)
    took_s = time.monotonic() - started_s
    assert done.returncode == 0
    size_bytes = sum(len(data) for data in lab.local().values())
    assert size_bytes / took_s < 60 * 1024 * 1.15
    # Shared out among 16 connections, most of which have nothing to do, it would take 35 seconds.
    assert took_s < size_bytes / (60 * 1024) + 15.0


def test_wrong_rate_is_refused_before_anything_starts(lab: Lab) -> None:
    done = lab.run("download", "3hya", "--limit-rate", "fast")
    assert (done.returncode, done.stdout, lab.mirror.requests) == (2, "", ())
    assert "500K" in done.stderr
