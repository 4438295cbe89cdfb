"""Feeds damaged files of every format to the real reader: `make fuzz`.

Each input is a sample with bytes flipped, cut, repeated or mixed with another's; in archives the
parts are damaged, and packed again. Nothing but a text or a sentence for the user may come of it:
the process that forks the readers lives on, none takes longer than its limit, and no file is left
anywhere.
"""

import argparse
import io
import os
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.test")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from django.conf import settings  # its settings are named above

from documents.exceptions import DocumentFailure
from documents.extraction.children import zygote_pid
from documents.extraction.registry import FORMATS
from documents.extraction.runner import extract_file
from documents.tests import samples
from documents.tests.made_files import REAL_FILES

TIMEOUT_S = 20
LARGEST_SAMPLE = 300_000
UNEXPECTED = ("reader_unavailable", "unreadable")
WORDS = (b"\0", b"\xff" * 8, b"<", b"&", b"{", b"}", b"\\", b"(", b"[", b"-1", b"4294967295",
         b"../../etc/passwd", b"<!ENTITY", b"%PDF-", b"PK\x03\x04", b"\n\n", b"=" * 64)  # fmt: skip


def main() -> int:
    """Run, and return 0 if nothing broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    print(f"seed {given.seed}: {given.inputs} inputs", flush=True)
    settings.EXTRACTION_TIMEOUT_S = settings.OCR_TIMEOUT_S = TIMEOUT_S
    settings.OCR_MAX_PAGES = 1
    with tempfile.TemporaryDirectory() as folder:
        return _run(given.inputs, given.seed, Path(folder))


def _run(inputs: int, seed: int, folder: Path) -> int:
    seeds = _samples()
    os.environ["PATH"] = ""  # the recognition of text has tests of its own, and takes seconds
    files = folder / "files"
    files.mkdir()
    tempfile.tempdir = str(folder)
    reader = zygote_pid()
    started = time.monotonic()
    outcomes: Counter[str] = Counter()
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for extension, outcome, number in threads.map(
            lambda number: _try(number, seed, seeds, files), range(inputs)
        ):
            outcomes[outcome] += 1
            if outcome in UNEXPECTED or outcome.startswith("broke"):
                print(f"input {number} (.{extension}, seed {seed}): {outcome}", flush=True)
    left = sorted(path.name for path in folder.rglob("*") if path != files)
    for outcome, count in outcomes.most_common():
        print(f"{count:8,} {outcome}")
    seconds = time.monotonic() - started
    print(f"{len(FORMATS)} formats, {len(seeds)} samples, {seconds:.0f} s, seed {seed}")
    if zygote_pid() != reader:
        print("The process that forks the readers has ended.")
        return 1
    if left:
        print(f"Files were left behind: {left[:10]}")
        return 1
    return int(any(name.startswith("broke") or name in UNEXPECTED for name in outcomes))


def _samples() -> list[tuple[str, bytes]]:
    """Return files of every format, with their extensions."""
    found = list(samples.of_every_format())
    accepted = {extension: format for format in FORMATS for extension in format.extensions}
    for path in sorted((REAL_FILES / "documents" / "good").glob("*")):
        format = accepted.get(path.suffix[1:].lower())
        if format is not None and path.stat().st_size <= LARGEST_SAMPLE:
            found.append((format.extensions[0], path.read_bytes()))
    return found


def _try(
    number: int, seed: int, seeds: list[tuple[str, bytes]], files: Path
) -> tuple[str, str, int]:
    """Read one damaged file and return how that ended."""
    chance = random.Random(f"{seed}-{number}")
    extension, sample = seeds[number % len(seeds)]
    path = files / str(number)
    path.write_bytes(damaged(sample, chance, seeds))
    started = time.monotonic()
    try:
        document = extract_file(path, extension=extension)
        outcome = "text" if any(page.text for page in document.pages) else "broke: no text"
    except DocumentFailure as error:
        outcome = error.code
    except Exception as error:
        outcome = f"broke: {error!r}"
    if time.monotonic() - started > 3 * TIMEOUT_S:
        outcome = "broke: took too long"
    path.unlink()
    return extension, outcome, number


def damaged(sample: bytes, chance: random.Random, seeds: list[tuple[str, bytes]]) -> bytes:
    """Return a sample with a few faults in it, within its parts where it is an archive."""
    if sample.startswith(b"PK") and chance.random() < 0.7:
        return _damaged_archive(sample, chance, seeds)
    return _damaged_bytes(sample, chance, seeds)


def _damaged_archive(sample: bytes, chance: random.Random, seeds: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sample)) as read, zipfile.ZipFile(out, "w") as made:
        names = read.namelist()
        chosen = set(chance.sample(names, min(len(names), chance.randint(1, 2))))
        for name in names:
            data = read.read(name)
            if name in chosen:
                if chance.random() < 0.1:
                    continue
                data = _damaged_bytes(data, chance, seeds)
            made.writestr(name, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _damaged_bytes(sample: bytes, chance: random.Random, seeds: list[tuple[str, bytes]]) -> bytes:
    data = bytearray(sample)
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        place = chance.randint(0, len(data))
        length = min(chance.choice((1, 4, 40, 400)), len(data) - place)
        match chance.randrange(6):
            case 0:
                data[place : place + length] = chance.randbytes(length)
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = data[place : place + length] * chance.choice((1, 3, 50))
            case 3:
                data[place:place] = chance.choice(WORDS)
            case 4:
                other = chance.choice(seeds)[1]
                start = chance.randint(0, len(other))
                data[place:place] = other[start : start + length]
            case _:
                if place < len(data):
                    data[place] ^= 1 << chance.randrange(8)
    return bytes(data[: chance.randint(0, len(data))] if chance.random() < 0.1 else data)


if __name__ == "__main__":
    sys.exit(main())
