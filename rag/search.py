"""One search: both indexes are asked, and what they find is put in order in two or three stages."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from django.conf import settings

from accounts.models import User
from rag.embedding.base import Vectors
from rag.embedding.registry import get_embedder
from rag.fusion import Fused, fuse
from rag.index.base import Hit
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.scope import Scope
from rag.models import ChunkEmbedding, OrganizationIndex
from rag.passages import Passage, holds_phrases, read_back
from rag.reranker.registry import get_reranker
from rag.reranking import RERANKED, Candidate, rerank
from rag.spelling import slips_of_english, with_corrections
from rag.value_forms import other_spellings
from rag.word_matching import QuestionWords
from rag.words import STOP_WORDS, stem

# Hits taken from each index before they are fused.
CANDIDATES = 100
# Hits read back at a time, of those behind the second stage.
_STEP = 50


class Mode(StrEnum):
    """Which indexes are asked: people get both, an evaluation may look at either alone."""

    HYBRID = "hybrid"
    DENSE = "dense"
    LEXICAL = "lexical"


@dataclass
class Search:
    """What one person asks of one organization's indexes.

    Attributes:
        state: of the index, read once: model and version belong together.
        scope: the documents that may be found.
        ms: what each stage took; of several subjects together.
        corrections: misspelt words, and what they were taken for.
        unknown: other words that none of the documents has in any form.
    """

    user: User
    state: OrganizationIndex
    scope: Scope
    phrases: Sequence[str] = ()
    ms: dict[str, float] = field(default_factory=dict)
    corrections: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)

    def ranking(self, subject: str) -> Iterator[Passage]:
        """Yield what the person may read, best first; what is further down is read when asked."""
        subject = self._corrected(subject)
        started = time.perf_counter()
        vector = get_embedder(self.state.model).embed_query(subject)
        started = self._took("embedding", started)
        fused = self._fused(subject, vector, Mode.HYBRID, CANDIDATES)
        started = self._took("indexes", started)
        head = self._read(fused[:RERANKED])
        similarities = self._similarities(head, vector)
        scores = self._second_stage(subject, head, similarities)
        started = self._took("second_stage", started)
        ranked = self._with_reranker(subject, head, scores)
        self._took("reranker", started)
        yield from _scored(ranked, similarities)
        lowest = ranked[-1][0] - ranked[0][0] if ranked else 0.0
        yield from self._further(fused[RERANKED:], below=math.exp(lowest))

    def first_stage(self, subject: str, *, mode: Mode, candidates: int) -> list[Fused]:
        """Return what the indexes find alone, best first.

        Args:
            candidates: hits taken from each index.
        """
        vector = None
        if mode is not Mode.LEXICAL:
            vector = get_embedder(self.state.model).embed_query(subject)
        return self._fused(subject, vector, mode, candidates)

    def _corrected(self, subject: str) -> str:
        started = time.perf_counter()
        lexical, corrections = get_lexical_index(), dict[str, str]()
        unknown = lexical.unknown(subject, state=self.state, within=self.scope)
        if unknown:
            corrections = lexical.corrections(
                " ".join(unknown), state=self.state, within=self.scope
            )
        slips = slips_of_english(subject, [word for word in unknown if word not in corrections])
        # No document has what was meant either, unless that is a little word.
        missing = (slips.get(word, word) for word in unknown if word not in corrections)
        self.unknown.update(word for word in missing if word not in STOP_WORDS)
        corrections = slips | corrections
        self.corrections.update(corrections)
        self._took("spelling", started)
        return with_corrections(subject, corrections)

    def _fused(
        self, subject: str, vector: Vectors | None, mode: Mode, candidates: int
    ) -> list[Fused]:
        dense: list[Hit] = []
        lexical: list[Hit] = []
        if vector is not None:
            dense = get_vector_index().search(
                vector, k=candidates, state=self.state, within=self.scope
            )
        if mode is not Mode.DENSE:
            lexical = get_lexical_index().search(
                subject,
                k=candidates,
                state=self.state,
                within=self.scope,
                also=other_spellings(subject),
                phrases=self.phrases,
            )
        fused = fuse(dense, lexical)
        if not self.phrases:
            return fused
        held = {hit.chunk_id for hit in lexical}  # whatever lacks the words cannot be shown
        return [hit for hit in fused if hit.chunk_id in held]

    def _read(self, hits: Sequence[Fused]) -> list[tuple[Fused, Passage]]:
        rows = read_back([hit.chunk_id for hit in hits], self.user)
        read = [
            (hit, Passage(**rows[hit.chunk_id], score=0.0, similarity=hit.similarity, rank=0))
            for hit in hits
            if hit.chunk_id in rows
        ]
        if not self.phrases:
            return read
        return [(hit, passage) for hit, passage in read if holds_phrases(passage, self.phrases)]

    def _similarities(
        self, head: Sequence[tuple[Fused, Passage]], vector: Vectors
    ) -> dict[int, float]:
        """Return the cosine of question and chunk, of those too that words alone found."""
        known = {h.chunk_id: h.similarity for h, _ in head if h.similarity is not None}
        rows = ChunkEmbedding.objects.filter(
            model=self.state.model,
            chunk__in=[hit.chunk_id for hit, _ in head if hit.chunk_id not in known],
        )
        for key, stored in rows.values_list("chunk_id", "vector"):
            known[key] = float(np.frombuffer(stored, dtype="<f4") @ vector)
        return known

    def _second_stage(
        self,
        subject: str,
        head: Sequence[tuple[Fused, Passage]],
        similarities: dict[int, float],
    ) -> list[float]:
        rarity = get_lexical_index().rarity(subject, state=self.state)
        question = QuestionWords(subject, rarity={stem(w): value for w, value in rarity.items()})
        candidates = [
            Candidate(
                document_id=passage.document_id,
                index=passage.chunk_index,
                above=f"{passage.title or passage.filename} {passage.heading}",
                text=passage.content,
                cosine=similarities.get(hit.chunk_id, 0.0),
                words=hit.words,
            )
            for hit, passage in head
        ]
        return rerank(question, candidates)

    def _with_reranker(
        self, subject: str, head: Sequence[tuple[Fused, Passage]], scores: Sequence[float]
    ) -> list[tuple[float, Passage]]:
        """Return the passages with their scores, best first; the best ones as a reranker says."""
        order = sorted(
            zip(scores, (passage for _, passage in head), strict=True),
            key=lambda pair: (-pair[0], pair[1].chunk_key),
        )
        reranker = get_reranker()
        if reranker is None or not order:
            return order
        first, rest = order[: settings.RERANKER_CANDIDATES], order[settings.RERANKER_CANDIDATES :]
        judged = reranker.score(subject, [passage.content for _, passage in first])
        ranked = sorted(
            zip(judged, (passage for _, passage in first), strict=True), key=lambda pair: -pair[0]
        )
        gap = ranked[-1][0] - rest[0][0] if rest else 0.0
        return [*ranked, *((score + min(0.0, gap), passage) for score, passage in rest)]

    def _further(self, hits: Sequence[Fused], *, below: float) -> Iterator[Passage]:
        """Yield what the first stage found further down, in its order."""
        best = hits[0].score if hits else 0.0
        for first in range(0, len(hits), _STEP):
            for hit, passage in self._read(hits[first : first + _STEP]):
                share = hit.score / best if best > 0 else 0.0
                yield replace(passage, score=below * share)

    def _took(self, stage: str, started: float) -> float:
        now = time.perf_counter()
        self.ms[stage] = self.ms.get(stage, 0.0) + (now - started) * 1000
        return now


def _scored(
    ranked: Sequence[tuple[float, Passage]], similarities: dict[int, float]
) -> Iterator[Passage]:
    """Yield the passages with their odds, as a share of the best one's."""
    for score, passage in ranked:
        share = math.exp(score - ranked[0][0])
        yield replace(passage, score=share, similarity=similarities.get(passage.chunk_key))
