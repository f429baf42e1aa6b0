"""`python -m benchmarks`: the list of benchmarks."""

import pathlib

import pytest

from benchmarks import __main__ as program


@pytest.mark.parametrize("name", [*program.BENCHMARKS, *program.OWN_COMMANDS])
def test_each_benchmark_exists_and_has_a_summary(name: str) -> None:
    summary = program.summary(name)
    assert summary.endswith((".", "?"))
    assert len(summary) < 115


def test_an_unknown_name_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.main(["search", "nope"])
    assert end.value.code == 2
    assert "unknown benchmark nope; expected one of whole_run, pretrain_throughput" in capsys.readouterr().err


def test_help_has_a_line_per_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for name in program.BENCHMARKS:
        assert f"  {name:20} {program.summary(name)}\n" in text


def test_no_benchmark_imports_a_test() -> None:
    sources = pathlib.Path(program.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if "from tests" in path.read_text(encoding="utf-8")] == []
