"""What sources of documents become: Org, reStructuredText, AsciiDoc, LaTeX, subtitles."""

from pathlib import Path

import pytest

from documents.extraction.registry import load_extractor
from documents.tests.made_files import LIMITS

ORG = """#+TITLE: Travel rules
* Trains :tag:
Book ~early~, see [[https://a.example][the list]].

| City | Limit |
|------+-------|
| Ulm  | 90    |
#+BEGIN_SRC sh
  rm *
#+END_SRC
"""
RST = """
============
Travel rules
============

Trains
------
Book ``early``, see `the list <https://a.example>`_::

   kept

.. note:: Mind the gap.

.. _label:

.. code-block:: sh

   rm *
"""
ADOC = """= Travel rules
:toc:

== Trains
Book early.

.Limits
|===
|City |Limit
|Ulm |90
|===

----
= no heading
----
image::a.png[A map, 200]
"""
TEX = r"""\documentclass{article} % comment
\title{Travel rules}
\begin{document}
\section{Trains}\label{s}
Book \emph{early}~\cite{x}, at 5\% off, so $a_{1} < b$.
\begin{itemize}\item one \item two\end{itemize}
\begin{tabular}{l|c} \hline City & Limit \\ Ulm & 90 \\ \end{tabular}
\input{/etc/passwd}
\end{document}
ignored"""
VTT = """WEBVTT

NOTE nobody reads this

1
00:11.000 --> 00:13.000 align:right
<v Ana>We book <b>early</b>,

00:13.000 --> 00:16.000
<v Ana>by train.

01:00:00.000 --> 01:00:02.000
<v Bo>Good.
"""
SRT = "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}Hello\nthere.\n"


@pytest.mark.parametrize(
    ("extension", "source", "text", "headings"),
    [
        (
            "org",
            ORG,
            "Travel rules\n\nTrains\n\nBook early, see the list.\nCity | Limit\nUlm | 90\n\n  rm *",
            [(1, "Travel rules"), (1, "Trains")],
        ),
        (
            "rst",
            RST,
            "Travel rules\n\nTrains\n\nBook early, see the list:\n\nkept\n\nMind the gap.\n\nrm *",
            [(1, "Travel rules"), (2, "Trains")],
        ),
        (
            "adoc",
            ADOC,
            "Travel rules\n\nTrains\n\nBook early.\n\nLimits\nCity | Limit\nUlm | 90\n\n"
            "= no heading\n\nA map",
            [(1, "Travel rules"), (2, "Trains")],
        ),
        (
            "tex",
            TEX,
            "Travel rules\n\nTrains\n\nBook early , at 5% off, so $a_{1} < b$.\n\n- one\n- two\n\n"
            "City | Limit\nUlm | 90",
            [(1, "Travel rules"), (2, "Trains")],
        ),
        ("vtt", VTT, "[0:00:11] Ana: We book early, by train.\n\n[1:00:00] Bo: Good.", []),
        ("srt", SRT, "[0:00:01] Hello there.", []),
    ],
)
def test_markup_becomes_what_a_reader_sees(
    tmp_path: Path, extension: str, source: str, text: str, headings: list
) -> None:
    path = tmp_path / f"file.{extension}"
    path.write_text(source)
    page = load_extractor(extension).extract(path, LIMITS).pages[0]
    assert [(h.level, h.title) for h in page.headings] == headings
    assert page.text.replace("   kept", "kept") == text


@pytest.mark.parametrize(
    ("extension", "source"),
    [
        ("tex", r"\begin{tabular}" * 40_000),
        ("tex", r"\cite[" * 100_000),
        ("rst", "`a<" * 100_000),
        ("org", "~a " * 200_000),
        ("org", "[[" * 200_000),
        ("vtt", "WEBVTT\n\n00:11.000 --> 00:13.000\n" + "<v a" * 100_000),
        ("adoc", "|" * 400_000),
    ],
)
def test_no_source_makes_reading_slow(tmp_path: Path, extension: str, source: str) -> None:
    """What took time with the square of the length would not end within the test's own limit."""
    path = tmp_path / f"file.{extension}"
    path.write_text(source + "\n\nend")
    assert load_extractor(extension).extract(path, LIMITS).pages
