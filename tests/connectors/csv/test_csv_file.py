"""The connector: what reaches the file, and what others do to it is noticed."""

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.csv.connector import CsvConnector, CsvOptions
from syncd.connector import Connector, Delivered, Halt, Reject
from tests.connectors.csv.csv_leads import Journal, connector, delivery, ids, rows

NEW, THERE = Delivered(created=True), Delivered(created=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


def renamed(path: Path) -> list[Path]:
    return [other for other in path.parent.iterdir() if other != path]


def test_it_is_a_connector_that_knows_the_default_columns(path: Path) -> None:
    sheet: Connector = connector(path, ())
    assert isinstance(sheet, Connector)
    sheet.deliver([delivery(1)])
    expected = "id,stream_id,segment_id,match_confidence,source_type,discovered_at,handle,display_name,first_name,last_name,email,linkedin_url,follower_count,bio,x_url"
    assert path.read_text().splitlines()[0] == expected
    assert CsvConnector.defaults["id"] == "{{ id }}"


def test_leads_are_appended_below_a_header(path: Path) -> None:
    sheet = connector(path)
    assert sheet.deliver([delivery(1), delivery(2, bio=None)]) == [NEW, NEW]
    assert sheet.deliver([delivery(3)]) == [NEW]
    assert sheet.deliver([]) == []
    assert path.read_bytes().startswith(b"id,stream_id,segment_id,name,bio\r\n1,7,0,name 1,")
    assert rows(path)[1] == ["2", "7", "0", "name 2", ""]
    assert ids(path) == [1, 2, 3]


def test_a_new_file_and_a_new_folder_are_for_their_owner_only(tmp_path: Path) -> None:
    for path in (tmp_path / "leads.csv", tmp_path / "folder" / "leads.csv"):
        connector(path).deliver([delivery(1)])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_empty_file_keeps_its_mode_and_gets_a_header(path: Path) -> None:
    path.touch(0o640)
    connector(path).deliver([delivery(1)])
    assert ids(path) == [1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_each_day_of_discovery_has_its_file(tmp_path: Path) -> None:
    sheet = connector(tmp_path / "leads.{date}.csv")
    late = delivery(1, found="2026-06-12T01:30:00+02:00")
    next_day = delivery(2, found="2026-06-12T00:00:00Z")
    assert sheet.route(late).group == str(tmp_path / "leads.2026-06-11.csv")
    assert sheet.route(late).key == "1/7/0"
    assert not sheet.route(late).resend_safe
    sheet.deliver([late])
    sheet.deliver([next_day])
    assert ids(tmp_path / "leads.2026-06-11.csv") == [1]
    assert ids(tmp_path / "leads.2026-06-12.csv") == [2]


def test_a_byte_order_mark_is_written_on_request_and_understood(path: Path) -> None:
    connector(path, bom=True).deliver([delivery(1)])
    assert path.read_bytes()[:5] == b"\xef\xbb\xbfid"
    assert connector(path).deliver([delivery(1, maybe_sent=True), delivery(2)]) == [THERE, NEW]
    assert ids(path) == [1, 2]


def test_options_are_checked(path: Path) -> None:
    with pytest.raises(ValueError, match="key: id, segment_id must be among"):
        connector(path, ("stream_id", "name"))
    with pytest.raises(ValidationError, match="name}"):
        CsvOptions(path=path.with_name("{name}.csv"))
    with pytest.raises(ValidationError):
        CsvOptions.model_validate({"path": "x", "delimiter": ";"})


# Looking before writing


def test_only_a_lead_that_may_have_been_sent_is_looked_for(path: Path) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1), delivery(2)])
    again = [delivery(2, maybe_sent=True), delivery(3, maybe_sent=True), delivery(4)]
    assert sheet.deliver(again) == [THERE, NEW, NEW]
    assert ids(path) == [1, 2, 3, 4]


def test_a_lead_that_was_never_sent_is_written_whoever_else_wrote_its_key(path: Path) -> None:
    path.write_text("id,stream_id,segment_id,name,bio\n1,7,0,by hand,\n")
    assert connector(path).deliver([delivery(1)]) == [NEW]
    assert ids(path) == [1, 1]


def test_a_row_of_the_same_person_in_another_campaign_is_another_lead(path: Path) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1, stream_id=8), delivery(1, segment_id=5)])
    assert sheet.deliver([delivery(1, maybe_sent=True)]) == [NEW]


def test_a_guarded_key_is_found(path: Path) -> None:
    sheet = connector(path, ("handle",), key=("handle",))
    sheet.deliver([delivery(1, handle="=cmd\0\ud800")])
    assert sheet.deliver([delivery(1, handle="=cmd\0\ud800", maybe_sent=True)]) == [THERE]


def test_a_row_without_a_key_is_rejected_alone(path: Path) -> None:
    nobody = delivery(2, id=None, stream_id=None, segment_id=None)
    outcomes = connector(path).deliver([delivery(1), nobody, delivery(3)])
    assert isinstance(outcomes[1], Reject)
    assert outcomes[1].code == "csv_no_key"
    assert ids(path) == [1, 3]


def test_a_cell_that_no_reader_takes_is_rejected_alone_and_the_longest_that_one_takes_is_not(
    path: Path,
) -> None:
    sheet = connector(path)
    outcomes = sheet.deliver([delivery(1, bio="x" * 2**17), delivery(2, bio="x" * (2**17 - 16)), delivery(3)])
    assert isinstance(outcomes[0], Reject)
    assert outcomes[0].code == "csv_cell_too_long"
    assert ids(path) == [2, 3]
    assert sheet.deliver([delivery(2, maybe_sent=True)]) == [THERE]


def test_a_changed_header_starts_a_new_file_and_both_are_looked_in(path: Path) -> None:
    connector(path).deliver([delivery(1), delivery(2)])
    connector(path, ("id", "name", "stream_id", "segment_id")).deliver([delivery(3)])
    journal = Journal()
    sheet = connector(path, ("segment_id", "id", "stream_id"), journal=journal)
    again = [delivery(n, maybe_sent=True) for n in (1, 2, 4)]
    assert sheet.deliver(again) == [THERE, THERE, NEW]
    assert sorted(other.name for other in renamed(path)) == [
        "leads.20260611T120000Z-1.csv",
        "leads.20260611T120000Z.csv",
    ]
    assert path.read_text().startswith("segment_id,id,stream_id\n")
    assert "csv_header_changed" in journal.names


def test_a_rename_never_overwrites(path: Path) -> None:
    taken = path.with_name("leads.20260611T120000Z.csv")
    taken.write_text("precious\n")
    path.write_text("segment_id,id,stream_id\n5,1,7\n")
    connector(path).deliver([delivery(1)])
    assert taken.read_text() == "precious\n"
    assert path.with_name("leads.20260611T120000Z-1.csv").read_text() == "segment_id,id,stream_id\n5,1,7\n"


@pytest.mark.parametrize(
    "content",
    [b"notes of mine\nand no end", b"name,phone\nAda,1", b'[sources.main]\napi_key = "x"\n', b"SQLite format 3\0\1\2\xff\xfe", b"\xff\xfe\0\1"],
    ids=["a text", "a spreadsheet", "a configuration", "a database", "bytes"],
)  # fmt: skip
def test_a_file_that_syncd_did_not_begin_stays_as_it_is_and_the_lane_halts(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    sheet = connector(path)
    for again in (False, True):
        with pytest.raises(Halt) as why:
            sheet.deliver([delivery(1, maybe_sent=again)])
        assert why.value.code == "csv_not_ours"
    assert [(each.level, each.code) for each in sheet.check()] == [("error", "csv_not_ours")]
    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_begun_with_another_key_is_not_renamed(path: Path) -> None:
    connector(path).deliver([delivery(1)])
    before = path.read_bytes()
    with pytest.raises(Halt):
        connector(path, ("handle",), key=("handle",)).deliver([delivery(1)])
    assert path.read_bytes() == before


# What others do to the file


@pytest.mark.parametrize("rotate", [Path.unlink, lambda path: path.rename(path.with_name("leads.csv.1"))])
def test_a_file_that_was_taken_away_is_begun_anew_and_its_rows_are_not_rewritten(
    path: Path, rotate: object
) -> None:
    journal = Journal()
    sheet = connector(path, journal=journal)
    sheet.deliver([delivery(1)])
    assert callable(rotate)
    rotate(path)
    sheet.deliver([delivery(2)])
    assert ids(path) == [2]
    assert "csv_file_changed" in journal.names


def test_a_row_that_was_edited_or_removed_stays_so(path: Path) -> None:
    sheet = connector(path)
    sheet.deliver([delivery(1), delivery(2)])
    path.write_text("id,stream_id,segment_id,name,bio\n1,7,0,Better name,without a line end")
    assert sheet.deliver([delivery(3)]) == [NEW]
    assert rows(path)[0] == ["1", "7", "0", "Better name", "without a line end"]
    assert ids(path) == [1, 3]


def test_what_is_no_row_is_kept_aside_and_logged_without_its_text(path: Path) -> None:
    connector(path).deliver([delivery(1)])
    with path.open("ab") as text:
        text.write(b'2,7,"Zo\xc3')
    journal = Journal()
    connector(path, journal=journal).deliver([delivery(3)])
    torn = path.with_name("leads.csv.torn")
    assert torn.read_bytes() == b'2,7,"Zo\xc3\r\n'
    assert stat.S_IMODE(torn.stat().st_mode) == 0o600
    assert ids(path) == [1, 3]
    assert ("csv_tail_set_aside", {"connector": "sheet", "bytes": 8}) in journal.events


def test_a_healthy_file_is_appended_to_in_silence(path: Path) -> None:
    connector(path).deliver([delivery(1)])
    journal = Journal()
    sheet = connector(path, journal=journal)
    sheet.deliver([delivery(2)])
    sheet.deliver([delivery(3)])
    assert journal.events == []


@pytest.mark.parametrize("written", [0, 7])
def test_zeros_that_a_power_cut_left_are_ours(path: Path, written: int) -> None:
    connector(path).deliver([delivery(1)])
    whole = path.read_bytes()
    path.write_bytes(whole[:written] + bytes(len(whole) - written))
    sheet = connector(path)
    assert [each.level for each in sheet.check()] == ["warning"]
    assert sheet.deliver([delivery(1, maybe_sent=True)]) == [NEW]
    assert ids(path) == [1]


def test_a_row_of_another_person_with_the_same_key_is_not_taken_for_the_lead(path: Path) -> None:
    sheet = connector(path, ("id", "stream_id", "segment_id", "handle"))
    sheet.deliver([delivery(1, handle="ada")])
    two = [delivery(1, handle="ada", maybe_sent=True), delivery(1, handle="bo", maybe_sent=True)]
    assert sheet.deliver(two) == [THERE, NEW]
    assert [row[3] for row in rows(path)] == ["ada", "bo"]
