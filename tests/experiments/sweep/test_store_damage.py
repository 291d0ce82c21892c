"""The store: what was damaged or edited is named, and what no sweep has written is refused."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from experiments import cli
from experiments.sweep import rows
from experiments.sweep.measures import measure
from experiments.sweep.workers.store import (
    APPLICATION_ID,
    VERSION,
    WITHOUT_DIGESTS,
    Owner,
    Store,
    StoreError,
)
from pimsim.errors import InputError

pytestmark = pytest.mark.usefixtures("undrawn")

OWNER = Owner("demo", "tra-failure", 1)
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished sweep of two points, and its specification."""
    folder = tmp_path_factory.mktemp("swept")
    text = (
        'name = "demo"\nmeasure = "tra-failure"\n[fixed]\nsamples = 20000\n'
        "[axes]\nvariation_percent = [10, 20]\n[stop]\ntrials = 3\n"
    )
    (folder / "demo.toml").write_text(text, "utf-8")
    assert cli.main(["sweep", str(folder / "demo.toml"), "--out", str(folder / "out")]) == 0
    with _changed(folder / "out"):
        pass  # without a log beside it
    return folder


@pytest.fixture
def folder(swept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(swept, tmp_path, dirs_exist_ok=True)
    return tmp_path


@contextmanager
def _changed(out: Path) -> Iterator[sqlite3.Connection]:
    """The store in a folder, to be changed behind pimsim's back."""
    with closing(sqlite3.connect(out / "sweep.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        yield connection


def _sweep(folder: Path, *options: str) -> tuple[str, ...]:
    workers = () if "--draw" in options else ("--workers", "1")
    return (str(folder / "demo.toml"), "--out", str(folder / "out"), *workers, *options)


@pytest.mark.slow
def test_every_changed_digit_of_every_trial_is_found_and_repaired(
    folder: Path, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    store = folder / "out" / "sweep.sqlite"
    whole, results = store.read_bytes(), (folder / "out" / "results.csv").read_bytes()
    found = [*re.finditer(rb'"failed":(\d+),"samples":20000}', whole)]
    assert len(found) == 6
    for match in found:
        for at in range(*match.span(1)):
            digit = b"3" if whole[at : at + 1] != b"3" else b"4"
            store.write_bytes(whole[:at] + digit + whole[at + 1 :])
            said = refused(*_sweep(folder, "--draw"))
            assert re.search(r"edited at trial \d of point '[0-9a-f]{36}\.\.\.: its counts", said)
            assert "with --repair such trials are dropped and made again" in said
    assert "edited at trial" in refused(*_sweep(folder))  # the last one is still there
    assert cli.main(["sweep", *_sweep(folder, "--repair")]) == 0
    assert capsys.readouterr().err.count("pimsim: dropped trial ") == 1
    assert (folder / "out" / "results.csv").read_bytes() == results
    assert cli.main(["sweep", *_sweep(folder, "--repair")]) == 0
    assert "there is nothing to repair" in capsys.readouterr().err


def _set(column: str, value: object) -> Callable[[sqlite3.Connection], object]:
    return lambda store: store.execute(f"UPDATE trial SET {column} = ?", (value,))


def _signed(counts: str) -> Callable[[sqlite3.Connection], object]:
    """Counts with the digest that belongs to them."""

    def change(store: sqlite3.Connection) -> None:
        for point, trial in store.execute("SELECT point, trial FROM trial").fetchall():
            store.execute(
                "UPDATE trial SET counts = ?, digest = ? WHERE point = ? AND trial = ?",
                (counts, rows.digest(point, trial, counts), point, trial),
            )

    return change


def _run(*statements: str) -> Callable[[sqlite3.Connection], object]:
    return lambda store: [store.execute(statement) for statement in statements]


HOSTILE = {
    "no whole": (_signed('{"failed":1}'), "must be failed, samples, not {'failed': 1}"),
    "one more": (_signed('{"failed":1,"samples":2,"x":3}'), "must be failed, samples, not"),
    "text": (_signed('{"failed":"x","samples":2}'), "an integer of at least 0 in `failed`"),
    "list": (_signed("[1,2]"), "must be failed, samples, not [1, 2]"),
    "null": (_signed("null"), "must be failed, samples, not None"),
    "nothing tried": (_signed('{"failed":0,"samples":0}'), "1 to 2^53 in `samples`, not 0"),
    "too many": (_signed('{"failed":3,"samples":2}'), "at most `samples` (2) in `failed`, not 3"),
    "many": (_signed('{"failed":1,"samples":' + "9" * 20 + "}"), "must have 1 to 2^53 in"),
    "negative": (_signed('{"failed":-5,"samples":2}'), "in `failed`, not -5"),
    "share": (_signed('{"failed":1.5,"samples":2}'), "in `failed`, not 1.5"),
    "truth": (_signed('{"failed":true,"samples":2}'), "in `failed`, not True"),
    "infinite": (_signed('{"failed":1e999,"samples":2}'), "no number beyond 1e308"),
    "nan": (_signed('{"failed":NaN,"samples":2}'), "must have no number NaN"),
    "long": (_signed('{"failed":%s,"samples":2}' % ("9" * 3000)), "no integer of 3000 digits"),
    "deep": (_signed("[" * 4000), "not"),
    "twice": (_signed('{"failed":1,"failed":1,"samples":2}'), "every key once"),
    "spaced": (_signed('{"failed": 1, "samples": 2}'), "must be written as"),
    "endless": (_set("counts", '{"failed":%s' % ("9" * 5000)), "not of the type that a sweep"),
    "bytes": (_set("counts", b"\xff\xfe"), "not of the type that a sweep"),
    "no text": (_run("UPDATE trial SET counts = CAST(X'FFFE' AS TEXT)"), "not of the type"),
    "huge": (_run("UPDATE trial SET counts = zeroblob(10000000) WHERE trial = 0"), "not of the"),
    "negative trial": (_run("UPDATE trial SET trial = trial - 3"), "no key that a sweep gives"),
    "late trial": (_run("UPDATE trial SET trial = trial + 1000000000000000000"), "no key"),
    "trial of text": (_run("UPDATE trial SET trial = 'x' || trial"), "no key"),
    "other trial": (_run("UPDATE trial SET trial = trial + 5"), "do not have the digest"),
    "other point": (_run("UPDATE trial SET point = 'x' || substr(point, 2)"), "have the digest"),
    "point of bytes": (_run("UPDATE trial SET point = zeroblob(9) WHERE trial = 0 AND point = "
                            "(SELECT min(point) FROM trial)"), "of point None"),
    "no time": (_set("wall_s", "soon"), "not of the type"),
    "digest of bytes": (_set("digest", b"\x00"), "do not have the digest"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_row_that_no_sweep_has_written_is_named(
    name: str, folder: Path, refused: Refused
) -> None:
    change, message = HOSTILE[name]
    with _changed(folder / "out") as store:
        change(store)
    said = refused(*_sweep(folder, "--draw"))
    assert message in said
    assert "with --repair such trials are dropped and made again" in said
    assert len(said) < 500 + len(str(folder))


@pytest.mark.parametrize("name", HOSTILE)
def test_such_rows_and_no_others_are_dropped(name: str, folder: Path) -> None:
    change, _ = HOSTILE[name]
    with _changed(folder / "out") as store:
        change(store)
    path = folder / "out" / "sweep.sqlite"
    with Store.open(path, OWNER, repair=True) as opened:
        dropped = len([note for note in opened.notes if note.startswith("dropped")])
    assert dropped
    with Store.open(path, OWNER, create=False) as opened:
        left = opened._connection.execute("SELECT count(*) FROM trial").fetchone()[0]
    assert left == 6 - dropped


FOREIGN = {
    "trigger": _run("CREATE TRIGGER t AFTER INSERT ON trial BEGIN DELETE FROM trial; END"),
    "view": _run("ALTER TABLE trial RENAME TO kept", "CREATE VIEW trial AS SELECT * FROM kept"),
    "virtual": _run("CREATE VIRTUAL TABLE more USING fts5(x)"),
    "no points": _run("DROP TABLE point"),
    "one more": _run("CREATE TABLE mine (x)"),
    "index": _run("CREATE INDEX i ON trial (wall_s)"),
    "no columns": _run("DROP TABLE trial", "CREATE TABLE trial (x)"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_with_other_tables_is_refused(name: str, folder: Path, refused: Refused) -> None:
    with _changed(folder / "out") as store:
        FOREIGN[name](store)
    before = (folder / "out" / "sweep.sqlite").read_bytes()
    for option in ("--draw", "--repair"):
        said = refused(*_sweep(folder, option))
        assert "must have the tables of a sweep and nothing else" in said
    assert (folder / "out" / "sweep.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_run("DELETE FROM sweep"), "must name one sweep that it belongs to, not none"),
        (_run("INSERT INTO sweep VALUES ('a', 'b', 3)"), "belongs to, not several"),
        (_run("UPDATE sweep SET name = X'00FF'"), "with `name` 'demo', not b'\\x00\\xff'"),
        (_run("UPDATE sweep SET seed = 'x'"), "with `seed` 1, not 'x'"),
        (_run("UPDATE sweep SET seed = seed + 9"), "with `seed` 1, not 10"),
        (_run("PRAGMA user_version = 0"), "must be a store of version 2"),
        (_run("PRAGMA user_version = 1"), "must have the tables of a sweep and nothing else"),
    ],
)
def test_a_store_of_no_sweep_is_refused(
    change: Callable[[sqlite3.Connection], object], message: str, folder: Path, refused: Refused
) -> None:
    with _changed(folder / "out") as store:
        change(store)
    assert message in refused(*_sweep(folder, "--draw"))
    assert message in refused(*_sweep(folder))


def test_a_store_written_before_digests_is_read_and_gets_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = (folder / "out" / "results.csv").read_bytes()
    with _changed(folder / "out") as store:
        kept = store.execute("SELECT point, trial, counts, wall_s FROM trial").fetchall()
        store.execute("DROP TABLE trial")
        store.execute(
            "CREATE TABLE trial (point TEXT NOT NULL, trial INTEGER NOT NULL, counts TEXT NOT "
            "NULL, wall_s REAL NOT NULL, PRIMARY KEY (point, trial)) WITHOUT ROWID"
        )
        store.executemany("INSERT INTO trial VALUES (?, ?, ?, ?)", kept)
        store.execute(f"PRAGMA user_version = {WITHOUT_DIGESTS}")
        assert store.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    path = folder / "out" / "sweep.sqlite"
    assert cli.main(["sweep", *_sweep(folder, "--draw")]) == 0
    assert "was written without digests: a change" in capsys.readouterr().err
    assert path.read_bytes()[60:64] == WITHOUT_DIGESTS.to_bytes(4, "big")
    assert cli.main(["sweep", *_sweep(folder)]) == 0
    assert "its 6 trials are taken as they are" in capsys.readouterr().err
    assert (folder / "out" / "results.csv").read_bytes() == results
    with _changed(folder / "out") as store:
        assert store.execute("PRAGMA user_version").fetchone()[0] == VERSION
        after = store.execute("SELECT point, trial, counts, wall_s FROM trial").fetchall()
        assert after == kept
        store.execute("UPDATE trial SET counts = replace(counts, '1', '2')")
    with pytest.raises(StoreError, match="do not have the digest"):
        Store.open(path, OWNER)


@pytest.mark.parametrize("name", [name for name in HOSTILE if "digest" not in HOSTILE[name][1]])
def test_a_row_without_digest_is_judged_by_what_it_holds(name: str, folder: Path) -> None:
    change, message = HOSTILE[name]
    with _changed(folder / "out") as store:
        change(store)
        found = [*rows.read(store, measure.load_measure(OWNER.measure), None, digests=False)]
    assert any(isinstance(row, rows.Broken) and message in row.where + row.reason for row in found)


def test_any_byte_of_the_file_may_be_wrong(folder: Path, tmp_path: Path) -> None:
    """A damaged file is refused in one line, or gives the trials that it had."""
    path = folder / "out" / "sweep.sqlite"
    whole = path.read_bytes()
    with Store.open(path, OWNER, create=False) as store:
        points = [p for (p,) in store._connection.execute("SELECT DISTINCT point FROM trial")]
        good = {point: store.trials(point) for point in points}
    refusals: list[str] = []
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        for leftover in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + leftover).unlink(missing_ok=True)
        try:
            with Store.open(path, OWNER, create=False) as store:
                for point in points:
                    assert store.trials(point) == good[point], at
        except (InputError, StoreError) as error:
            refusals.append(str(error))
    assert len(refusals) > 10
    assert not any("\n" in message for message in refusals)
