"""JSON that somebody else may have written, changed or mistaken for another file: whatever it holds, one error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sijstudy.errors import StudyError


def read_given_json(path: Path, way_on: str) -> Any:
    """Read JSON that is there. StudyError names the file, what is wrong with it, and ``way_on``.

    Unlike ``files.read_json``, which reads what the study itself left, it advises nobody to delete the file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        reason = "is no text in UTF-8"
    except json.JSONDecodeError as error:
        reason = f"is not valid JSON (line {error.lineno}, column {error.colno})"
    except RecursionError:
        reason = "is nested too deeply for JSON that a run writes"
    except ValueError:  # Python reads no integer of more than some thousand digits
        reason = "holds a number that is too long"
    raise StudyError(f"{path}: {reason}; {way_on}")
