"""Where a replay ends, the world does not: silence is told only as far as other records show that time went on."""

from pathlib import Path

from correlator.config.settings import Settings
from correlator.runtime.content import load_content
from correlator.runtime.replay import Replay
from tests.flow.install import RULES, SILENCE, failed


def silences(folder: Path, *lines: str) -> int:
    """Return how many hits of the silence there are after a replay of ``lines``."""
    folder.mkdir()
    (folder / "rules.yml").write_text(RULES + SILENCE)
    (folder / "auth.log").write_text("".join(lines))
    settings, told = Settings(data_dir=folder / "data"), list[str]()
    replay = Replay([str(folder / "auth.log")], load_content(settings, [folder / "rules.yml"]), settings)
    _, engine = replay.run(each=lambda outcome: told.extend(outcome.hits.get_column("rule.name")))
    engine.dispose()
    return told.count("flow_silence")


def test_silence_is_told_as_far_as_the_input_goes(tmp_path: Path) -> None:
    """A record that no rule looks at is enough to know that time went on."""
    other = "Nov 17 03:10:11 aul-web1 cron[7]: pam_unix(cron:session): session opened for user root\n"

    assert silences(tmp_path / "ends", failed(0)) == 0
    assert silences(tmp_path / "later", failed(0), other) == 1
    assert silences(tmp_path / "early", failed(0), other.replace("03:10:11", "03:10:00")) == 0
