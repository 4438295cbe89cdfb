"""Whether a question is in another language than English, which some models read alone."""

import re

from rag.embedding.registry import reads_many_languages
from rag.spelling import is_no_slip
from rag.words import STOP_WORDS, words

# Added to "I don't know": the words of a document are never in it.
ENGLISH_READS_BEST = (
    "Your question seems to be in another language than English, which the search model in use "
    "reads best. Asking in English may help, and so may a multilingual search model, which an "
    "administrator can choose (EMBEDDING_MODEL)."
)

# Little words that hold sentences together, and what things cost; English has none of them.
_FUNCTION_WORDS = frozenset(
    """
    aber auch auf bei beim bekomme bin bis darf das dem den der des dich diese du durch ein eine
    einem einen einer es für gibt habe haben ich ihr im ist kann kein keine können
    mein meine mich mir mit muss nach nicht noch oder ohne sich sie sind soll über und unser
    unter viel viele vom von wann warum welche welches welchem welchen welcher wem wen wenn wer
    werden wie wieviel wir wird wo zu zum zur
    au avec avons ce ces cette combien dans de dois elle en est et faut il ils
    je la le les leur mes mon nos notre nous où par pas peut peux pour pourquoi puis quand que
    quel quelle quelles quels qui quoi sa ses sont sur tu un une vos votre vous
    al como cómo con cuál cuales cuáles cuándo cuánta cuántas cuánto cuántos del dónde el ella
    las lo los
    mi nuestra nuestro para pero por puedo qué quién se sus tengo tiene una y
    alla che chi cosa degli dei della delle devo di dove gli ho mia mio nel nella
    per perché posso quale quali quando quanta quante quanti quanto sono è
    ao aos com da dos e eu é meu minha na não nas o onde os ou pela pelo qual
    quais quem são tenho um uma
    bij dat dit een geen heb heeft het hoe ik kan mijn moet naar niet onze op te uit van veel
    voor waar waarom wanneer wat welke wij wordt ze zijn zij
    att av det ett får för från hur hva hvad hvem hvor hvordan hvornår ikke inte jag jeg
    många mange med mellan mellom mellem mitt när når och og på skal ska som vad til vem vi
    är
    czy dla gdzie ile jak jaki jakie jest kiedy kto który mam moje mogę nie od się są
    w z za
    jsou kde kdo kdy kolik který mám mohu nebo
    bir için kaç mu ne nerede ve
    ja kuinka kuka miksi milloin minulla missä miten monta onko ovat voinko
    az egy és hány hogyan hol mikor miért mennyi nekem nem
    când câte cine din în pentru sau și sunt
    cuesta coûte kost kostar koster kostet kosten kosztuje
    """.split()  # noqa: SIM905 - a paragraph reads better than a column
)
# They were borrowed with their accents.
_ENGLISH_TOO = {"café", "cliché", "décor", "exposé", "façade", "fiancé", "naïve", "résumé"}
_SPANISH = re.compile("[\u00bf\u00a1]")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")
_MOSTLY = 0.5
_ENOUGH = 2


def language_hint(question: str, model: str) -> str:
    """Return what to add to "I don't know" where a model may not read the question's language.

    Args:
        model: name of the embedding model that searched; empty where nothing was searched.
    """
    if not model or reads_many_languages(model) or not is_foreign(question):
        return ""
    return ENGLISH_READS_BEST


def is_foreign(question: str) -> bool:
    """Tell whether a question is surely in another language than English.

    By its script, by little words of some twenty languages, or by letters that English lacks. A
    question of names alone, or a single plain word, could be either: that is not sure.
    """
    letters = _LETTER.findall(question)
    if not letters:
        return False
    if _SPANISH.search(question):
        return True
    if sum(_LATIN.match(letter) is None for letter in letters) > _MOSTLY * len(letters):
        return True
    said = words(question)
    english = sum(word in STOP_WORDS for word in said)
    foreign = sum(word in _FUNCTION_WORDS for word in said) + len(_accented(question))
    if foreign >= _ENOUGH:
        return foreign > english
    return foreign > 0 and not english and not any(map(is_no_slip, said))


def _accented(question: str) -> list[str]:
    """Return the words with letters that English lacks; one with a capital may be a name."""
    return [
        word
        for word in re.findall(r"[^\W\d_]+", question)
        if word[0].islower()
        and not word.isascii()
        and word not in _ENGLISH_TOO
        and word not in _FUNCTION_WORDS
    ]
