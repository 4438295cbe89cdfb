import json

import pytest

from rag.evaluation.data_sets import read_retrieval_set
from rag.evaluation.exceptions import BadDataSet


def lines(path, *rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    lines(
        tmp_path / "corpus.jsonl",
        {"id": "a", "title": "Leave & pay", "text": "Twenty <b> days.\n\nNo more."},
        {"id": 7, "text": "Bananas."},
    )
    lines(tmp_path / "queries.jsonl", {"id": "q", "text": "How many days?"}, {"id": 2, "text": "?"})
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t2\nq\t7\t0\n")
    return tmp_path


def test_corpus_queries_and_judgements_are_read(folder):
    data = read_retrieval_set(folder)
    assert [document.id for document in data.documents] == ["a", "7"]
    assert [(q.id, q.text, dict(q.grades)) for q in data.questions] == [
        ("q", "How many days?", {"a": 2, "7": 0})
    ]
    assert data.skipped == 1, "a question without a relevant document asks for nothing"


def test_judgements_may_come_without_a_header_or_in_four_columns(folder):
    expected = read_retrieval_set(folder).questions
    for text in ("q\ta\t2\nq\t7\t0\n", "q\t0\ta\t2\nq\t0\t7\t0\n"):
        (folder / "qrels.tsv").write_text(text)
        assert read_retrieval_set(folder).questions == expected


def test_a_folder_of_files_is_asked_what_its_qa_says(tmp_path):
    (tmp_path / "content" / "pay").mkdir(parents=True)
    (tmp_path / "content" / "pay" / "index.md").write_text("# Pay")
    (tmp_path / "content" / ".hidden.md").write_text("# Hidden")
    (tmp_path / "README.md").write_text("About the set.")
    lines(
        tmp_path / "qa.jsonl",
        {"id": "1", "question": "Pay?", "gold": "content/pay/index.md", "answerable": True},
        {"id": "2", "question": "Cafeteria?", "gold": [], "answerable": False},
    )
    data = read_retrieval_set(tmp_path)
    assert [(d.id, d.filename) for d in data.documents] == [("content/pay/index.md", "index.md")]
    assert [(q.text, dict(q.grades)) for q in data.questions] == [
        ("Pay?", {"content/pay/index.md": 1})
    ]


def test_the_digest_is_of_what_the_set_says_and_not_of_where_it_lies(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere")
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    before = read_retrieval_set(folder).digest
    assert read_retrieval_set(other).digest == before
    (other / "qrels.tsv").write_text("q\t7\t1\n")
    assert read_retrieval_set(other).digest != before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("corpus.jsonl", '{"id": 1}\n', "corpus.jsonl, line 1: not a JSON object with id, text"),
        ("queries.jsonl", "nonsense\n", "queries.jsonl, line 1"),
        ("qrels.tsv", "q\ta\t1\nq\n", "qrels.tsv, line 2: not query-id"),
        ("qrels.tsv", "q\tunknown\t1\n", "names the document 'unknown'"),
        ("qrels.tsv", "q\ta\t0\n", "no question has a relevant document"),
    ],
)
def test_what_is_wrong_is_named(folder, name, content, said):
    (folder / name).write_text(content)
    with pytest.raises(BadDataSet, match=said):
        read_retrieval_set(folder)


def test_a_missing_file_and_an_empty_folder_are_named(folder, tmp_path_factory):
    (folder / "qrels.tsv").unlink()
    with pytest.raises(BadDataSet, match=r"qrels\.tsv cannot be read"):
        read_retrieval_set(folder)
    with pytest.raises(BadDataSet, match="neither"):
        read_retrieval_set(tmp_path_factory.mktemp("empty"))
    with pytest.raises(BadDataSet, match="is no folder"):
        read_retrieval_set(folder / "nowhere")
