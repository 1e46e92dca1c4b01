"""appnas.cli.eda.doctor, and what `appnas eda` says without a command."""

from appnas.cli import main
from appnas.domains.eda.flow import tools


def test_what_is_there_and_what_is_missing(capsys, monkeypatch):
    there = [
        tools.Tool("yosys", "/bin/yosys", "0.33", "yosys"),
        tools.Tool("qrouter", "/bin/qrouter", "1.4", "qrouter"),
    ]
    monkeypatch.setattr(tools, "doctor", lambda: there)
    assert main(["eda", "doctor"]) == 0 and "qrouter" in capsys.readouterr().out
    monkeypatch.setattr(tools, "doctor", lambda: [there[0], tools.Tool("qrouter", "", "", "qrouter")])
    assert main(["eda", "doctor"]) == 2
    assert "install with" in " ".join("".join(capsys.readouterr()).split())


def test_without_a_command_it_says_what_there_is(capsys):
    assert main(["eda"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("doctor", "generate", "features", "predict"))
