import uuid

from rag.reranking import FEATURES, WEIGHTS, Candidate, features, rerank
from rag.word_matching import QuestionWords


def candidate(text, *, above="Handbook", cosine=0.5, words=0.5, document=None, index=0):
    return Candidate(document or uuid.uuid4(), index, above, text, cosine, words)


def best(question, *texts, rarity=None):
    scores = rerank(QuestionWords(question, rarity=rarity or {}), [candidate(t) for t in texts])
    return texts[scores.index(max(scores))]


def test_every_feature_has_its_weight():
    assert len(FEATURES) == len(WEIGHTS)
    [row] = features(QuestionWords("laptop", rarity={}), [candidate("A laptop.")])
    assert len(row) == len(FEATURES)


def test_the_words_in_one_sentence_count_more_than_scattered_ones():
    together = "New staff get a laptop on the first day. The canteen is closed."
    scattered = "New chairs are here. The laptop is old. Staff meet at noon."
    assert best("laptop for new staff", scattered, together) == together


def test_neighbours_that_stay_neighbours_count_more():
    assert (
        best("order purchase", "a purchase of an order", "an order purchase") == "an order purchase"
    )


def test_a_rare_word_counts_more_than_a_common_one():
    rarity = {"polici": 0.1, "sabbat": 5.0}
    assert best("sabbatical policy", "the policy", "a sabbatical", rarity=rarity) == "a sabbatical"


def test_a_word_of_like_meaning_is_nearly_as_good():
    assert (
        best("laptop repair", "We repair a computer.", "We repair a garden.")
        == "We repair a computer."
    )


def test_a_number_written_out_is_the_number():
    assert best("14 days", "within fourteen days", "within twelve days") == "within fourteen days"


def test_what_the_question_asks_for_has_to_be_there():
    dated = "The works council was founded on 1 May 2019."
    assert (
        best("When was the works council founded?", "The works council was founded.", dated)
        == dated
    )


def test_the_title_counts_as_said():
    question = QuestionWords("travel costs", rarity={})
    under, alone = rerank(
        question,
        [
            candidate("All costs are paid.", above="Travel"),
            candidate("All costs are paid.", above="Canteen"),
        ],
    )
    assert under > alone


def test_a_document_that_is_about_it_is_better_than_one_that_mentions_it():
    question = QuestionWords("parental leave", rarity={})
    about, mentions = rerank(
        question,
        [
            candidate("Parental leave is paid.", above="Parental leave"),
            candidate("Parental leave is paid.", above="Benefits"),
        ],
    )
    assert about > mentions


def test_of_a_whole_paragraph_single_words_tell_little():
    words = " ".join(f"word{n}" for n in range(48))
    [row] = features(QuestionWords(words, rarity={}), [candidate(words, above="Title")])
    facts = dict(zip(FEATURES, row, strict=True))
    assert round(facts["sentence"], 2) == 0.25
    assert facts["cosine"] == 0.5


def test_the_chunk_beside_it_helps_a_chunk():
    document = uuid.uuid4()
    question = QuestionWords("parental leave germany", rarity={})
    beside = candidate("In Germany it is longer.", document=document, index=4)
    neighbour = candidate("Parental leave is paid.", document=document, index=3)
    elsewhere = candidate("In Germany it is longer.")
    scores = rerank(question, [beside, neighbour, elsewhere])
    assert scores[0] > scores[2]


def test_nothing_to_compare_gives_nothing():
    assert rerank(QuestionWords("?", rarity={}), []) == []
    assert len(rerank(QuestionWords("?", rarity={}), [candidate("")])) == 1
