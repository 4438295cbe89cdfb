"""How good a ranking is, as trec_eval computes it; the only module that knows its library."""

from collections.abc import Mapping, Sequence

import ir_measures
from ir_measures import RR, R, Success, nDCG

Rankings = Mapping[str, Sequence[str]]  # ids of documents by id of the question, best first
Grades = Mapping[str, Mapping[str, int]]  # how relevant a document is, by ids of both


def measure_rankings(
    grades: Grades, rankings: Rankings, *, cuts: Sequence[int]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Return the means over the questions, and each question's own, by name of the measure.

    Args:
        grades: 0 for a document that was looked at and is none.
        cuts: how many documents nDCG and recall look at.

    Returns:
        `ndcg@10`, `recall@10` (one of each for each cut), `mrr`, `success@1` and `success@5`: from
        0 to 1. A question without a ranking counts as nothing found.
    """
    measures = {f"ndcg@{cut}": nDCG @ cut for cut in cuts}
    measures |= {f"recall@{cut}": R @ cut for cut in cuts}
    measures |= {"mrr": RR, "success@1": Success @ 1, "success@5": Success @ 5}
    names = {measure: name for name, measure in measures.items()}
    relevant = [
        ir_measures.Qrel(question, document, grade)
        for question, documents in grades.items()
        for document, grade in documents.items()
    ]
    run = [
        # trec_eval breaks ties by id; these scores leave none.
        ir_measures.ScoredDoc(question, document, float(len(documents) - place))
        for question, documents in rankings.items()
        for place, document in enumerate(documents)
    ]
    wanted = list(measures.values())
    each: dict[str, dict[str, float]] = {}
    for metric in ir_measures.iter_calc(wanted, relevant, run):
        each.setdefault(metric.query_id, {})[names[metric.measure]] = float(metric.value)
    aggregated = ir_measures.calc_aggregate(wanted, relevant, run)
    return {name: float(aggregated[measure]) for name, measure in measures.items()}, each
