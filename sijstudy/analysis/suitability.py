"""Is a new subject's series of the kind that the networks were trained on? If not it is refused, what is open told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Protocol

from sijstudy.cohort.image_kind import NAMES, NEEDED, NO_MATTER, STATED, ImageKind, Mixture, contrast_of
from sijstudy.cohort.options import Wanted
from sijstudy.cohort.seen_joints import boxed, confidence_text, measured, see
from sijstudy.cohort.stack_grid import stack_file
from sijstudy.cohort.subject_folder import GUESS, SubjectFolder, read_subject
from sijstudy.errors import StudyError
from sijstudy.segmentation.joint_boxes import FoundBoxes
from sijstudy.training.device import kept_memory
from sijstudy.training.image_kinds import kinds_known_to, runs_that_know
from sijstudy.training.networks import FITS, Networks

FIND, WHOLE = "find", "whole"


class Asked(Protocol):
    """What ``diagnose`` is asked for of a folder."""

    @property
    def boxes(self) -> Path | None:
        """CSV with ilium boxes."""

    @property
    def segments(self) -> Path | None:
        """CSV with the segments' meanings."""

    @property
    def contrast(self) -> str:
        """As ``Wanted.contrast``, "" for that of the networks."""

    @property
    def series(self) -> str:
        """As ``Wanted.series``."""

    @property
    def skip_broken(self) -> bool:
        """As ``Wanted.skip_broken``."""

    @property
    def roi(self) -> str:
        """FIND, where nobody gave boxes, or WHOLE: whole images, whoever gave boxes."""

    @property
    def force(self) -> bool:
        """Go on with a series that does not fit."""


@dataclass(frozen=True)
class Suitability:
    """A series beside the training images. trained: of their kinds the nearest one, None where nobody can tell.

    differs: fields of ``ImageKind`` in which the two differ. unknown: those that the series' header leaves open and
    the training images have. untold: those that are not known of the training images. mixed: in what the series'
    images differ among themselves.
    """

    series: ImageKind
    trained: ImageKind | None
    differs: tuple[str, ...]
    unknown: tuple[str, ...]
    untold: tuple[str, ...]
    mixed: Mixture = Mixture()  # noqa: RUF009  (frozen)

    @property
    def fits(self) -> bool:
        """Nothing differs, and nothing is open that must be known."""
        return not self.differs and not self.mixed and not set(self.unknown) & set(NEEDED)

    @property
    def sentence(self) -> str:
        """What is wrong or open, in words; empty when all is known and fits."""
        parts = [f"Its images are not of one kind: {self.mixed.words}."] if self.mixed else []
        if self.trained is None:
            which = "which images the networks were trained on is not known."
            return " ".join([*parts, f"The series is {self.series.words}; {which}"])
        trained = f"the networks were trained on {self.trained.words}"
        if self.differs:
            parts.append(f"The series is {self.series.words}; {trained}: {_listed(self.differs)} differ"
                         f"{'s' * (len(self.differs) == 1)}.")  # fmt: skip
        if silent := tuple(name for name in self.unknown if name not in self.mixed.fields):
            parts.append(f"Its header does not tell {_listed(silent)}; {trained}.")
        if self.untold:
            parts.append(f"Not known of the training images: {_listed(self.untold)}.")
        return " ".join(parts)


def suitability(kind: ImageKind, networks: Networks, mixed: Mixture = Mixture()) -> Suitability:  # noqa: B008
    """How a series of this kind, ``mixed`` or not, stands beside the networks' training images."""
    known = kinds_known_to(networks)
    if not known:
        return Suitability(kind, None, (), (), (), mixed)
    nearest = min(known, key=lambda own: (len(kind.differs(own)), len(kind.lacks(own))))
    untold = tuple(name for name in NAMES if nearest.unknown(name) and (nearest.weighting, name) not in NO_MATTER)
    unknown = tuple(name for name in kind.lacks(nearest) if (kind.weighting, name) not in NO_MATTER)
    return Suitability(kind, nearest, kind.differs(nearest), unknown, untold, mixed)


def fitting_subject(folder: Path, networks: Networks, run: Path, asked: Asked) -> SubjectFolder:
    """``read_subject`` of the series that the networks are for, ``asked.contrast`` if that is given.

    A given contrast also says what the header leaves open. Raises StudyError when the series does not fit and
    ``asked.force`` is not set, and for an unknown ``asked.roi``; it names the profiles beside ``run`` that would fit.
    """
    if asked.roi not in (FIND, WHOLE):
        raise StudyError(f"--roi {asked.roi}: must be {FIND} or {WHOLE}")
    if asked.roi == WHOLE and asked.boxes:
        raise StudyError(f"--roi {WHOLE} asks for whole images, --boxes {asked.boxes} for ROI patches: leave one out")
    contrast = asked.contrast or contrast_of(kinds_known_to(networks))
    wanted = Wanted(contrast, asked.series, skip_broken=asked.skip_broken)
    subject = read_subject(folder, asked.boxes, wanted, asked.segments)
    subject = replace(subject, kind=_stated(subject, asked))
    found = suitability(subject.kind, networks, subject.mixed)
    if not found.fits and not asked.force:
        raise StudyError(
            f"subject {subject.subject_id}: series '{subject.series}': {found.sentence} {_way(found, run)}"
        )
    return _with_joints(subject, networks, seek=asked.roi == FIND)


def _stated(subject: SubjectFolder, asked: Asked) -> ImageKind:
    """The kind with what ``asked.contrast`` says of it where the header is silent.

    StudyError where the two contradict each other; by force, and where images differ, the header alone counts.
    """
    own, said = subject.kind, STATED.get(asked.contrast, ImageKind())
    against = own.differs(said)
    if against and not asked.force:
        raise StudyError(
            f"subject {subject.subject_id}: series '{subject.series}' is {own.words} by its header, --contrast "
            f"{asked.contrast} states {said.words.partition(',')[0]}: {_listed(against)} differ"
            f"{'s' * (len(against) == 1)}; leave --contrast out, or name another series with --series"
        )
    return own if against or subject.mixed else own.stated(asked.contrast)


def _with_joints(subject: SubjectFolder, networks: Networks, *, seek: bool) -> SubjectFolder:
    """The subject as the network sees it, with the boxes it finds where nobody gave any and ``seek`` is set.

    On slices where it finds none a guess from outlined bone stands, as in a manifest; without ``seek`` no box does, and
    no given one. StudyError where there is neither, and the run has networks for ROI patches.
    """
    subject = _looked_at(subject, needed=seek and not subject.boxes_given)
    none, seen = FoundBoxes(None, 0.0), subject.seen
    if not seek:
        bare = boxed(subject.slices, [none] * len(subject.slices))
        return replace(subject, slices=bare, boxes_from="", whole=True, unused=subject.boxes_from, found=())
    if subject.boxes_given or seen is None:
        return subject
    guessed = [own or none for own in subject.found] or [none] * len(subject.slices)
    found = [own if own.boxes or not other.boxes else other for own, other in zip(seen.boxes(), guessed, strict=True)]
    source = _source(found)
    if not source and "roi" in networks.runs:
        raise StudyError(
            f"subject {subject.subject_id}: no sacroiliac joint was found on any of {len(subject.slices)} slices; give "
            "ilium boxes with --boxes, or --roi whole for whole images"
        )
    known = tuple(found) if source else ()
    return replace(subject, slices=boxed(subject.slices, found), boxes_from=source, found=known)


def _looked_at(subject: SubjectFolder, *, needed: bool) -> SubjectFolder:
    """The subject as the network sees it. Where it cannot look, StudyError if that is ``needed``, else ``unseen``."""
    try:
        with kept_memory():
            seen = see(subject.slices)
    except StudyError as error:
        if needed:
            raise
        return replace(subject, unseen=str(error).removeprefix(f"{stack_file(subject.slices[0])}: ").partition(";")[0])
    if not subject.bones:
        bones = {item.uid: bone for item, bone in zip(subject.slices, seen.joint_bone, strict=True)}
        subject = replace(subject, bones=bones, slices=measured(subject.slices, seen))
    return replace(subject, seen=seen)


def _source(found: Sequence[FoundBoxes]) -> str:
    """Where boxes that nobody drew come from, in words; empty without any."""
    sure = confidence_text([own for own in found if not isnan(own.confidence)])
    return " and ".join(filter(None, [sure, GUESS if any(isnan(own.confidence) for own in found) else ""]))


def _way(found: Suitability, run: Path) -> str:
    if found.mixed:
        return (
            "Keep the files of one kind, or export the series again with headers alike; name another series with "
            "--series; or give --force, and the result will say so."
        )
    if not found.differs:
        return f"State it with --contrast ({' or '.join(STATED)}), or give --force, and the result will say so."
    runs = run.resolve().parent if (run / FITS).is_file() else run.resolve().parents[1]
    others = runs_that_know(found.series, runs)
    fitting = " or ".join(f"--run {runs.name}/{name}" for name in others)
    way = f"Trained on such images: {fitting}." if others else f"No run in {runs.name}/ was trained on such images."
    return f"{way} Name another series with --series, or give --force, and the result will say so."


def _listed(names: tuple[str, ...]) -> str:
    words = [NAMES[name] for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
