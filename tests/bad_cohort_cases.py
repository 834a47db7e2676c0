"""Bad cohorts, further ways: tables that other programs wrote, files that contradict each other."""

from __future__ import annotations

import re
from collections.abc import Callable

from bad_input_cases import Case, Place


def rewritten(name: str, change: Callable[[str], str], encoding: str = "utf-8") -> Callable[[Place], list[str]]:
    """A table of the cohort saved by another program."""

    def spoil(place: Place) -> list[str]:
        path = place.dicom / name
        path.write_bytes(change(path.read_text()).encode(encoding))
        return place.build()

    return spoil


def spreadsheet_took_id_for_number(place: Place) -> list[str]:
    (place.dicom / "S01").rename(place.dicom / "007")
    place.change_csv("subjects.csv", 1, subject_id="7")
    return place.build()


def decimal_comma_in_boxes(place: Place) -> list[str]:
    edges = ",".join(f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1"))
    return place.build("--boxes", place.csv("boxes.csv", f"file,{edges}\nS00/003.dcm,20,5,2,30,20,2,2,9,20\n"))


def comma_of_two_meanings(place: Place) -> list[str]:
    edges = ";".join(f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1"))
    return place.build("--boxes", place.csv("boxes.csv", f"file;{edges}\nS00/003.dcm;20;2;1,234;20;2;2;9;20\n"))


CASES = [
    Case(
        "semicolons and 1,0 in a table",
        rewritten("votes.csv", lambda text: re.sub(r";1(?=[;\n])", ";1,0", text.replace(",", ";"))),
        r"slices used  12 .*Manifest: ",
        status=0,
    ),
    Case(
        "a table saved as Unicode text (UTF-16, tabs)",
        rewritten("subjects.csv", lambda text: text.replace(",", "\t"), "utf-16"),
        r"slices used  12 .*Manifest: ",
        status=0,
    ),
    Case(
        "a table in another encoding",
        rewritten("votes.csv", lambda text: text.replace("S02", "Sé2"), "latin-1"),
        r"votes\.csv: row 8: holds a letter that is not UTF-8",
    ),
    Case(
        "two separators in a table",
        rewritten("votes.csv", lambda text: text.replace(",", ";", 1)),
        r"votes\.csv: its first line holds commas and semicolons",
    ),
    Case("a decimal comma between commas", decimal_comma_in_boxes, r"boxes\.csv: row 2: has 10 cells, .*decimal comma"),
    Case("a comma that may be decimal or not", comma_of_two_meanings, r"row 2: left_x1='1,234' may be 1\.234 or 1234"),
    Case(
        "an id that a spreadsheet made a number", spreadsheet_took_id_for_number, r"has '7', as a spreadsheet .*'007'"
    ),
]
