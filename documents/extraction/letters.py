"""Tells 8-bit and East Asian encodings apart by how frequent the letters are that each one reads.

The general statistics of charset-normalizer mislead on short texts and between near relatives
(ISO 8859-2 and cp1250, EUC-JP and EUC-KR), so they are asked only where this has no answer.
"""

import codecs
import re

# Frequent characters beyond ASCII, the most frequent ten first.
_WESTERN = "éäüöàèñçóßáíêúëîïôõãâøåæœûùìòÉÄÖÜÀÇÑÓÁÍÚØÅÆŒ€£§°«»„“”‚‘’–—…•·®©\xa0"
_CENTRAL = "áéíóěščřžýąęłśżźćńúůďťňôľĺŕőűășțâîđöüäëÁÉÍÓĚŠČŘŽÝĄĘŁŚŻŹĆŃÚŮĎŤŇŐŰ€§°«»„“”‚‘’–—…\xa0"
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґўјљњћџ«»„“”–—…№\xa0"
_GREEK = "αοιετσνηρπκλμυςωγδθχφβξζψάέήίόύώϊϋΐΰ«»–—’·\xa0"
_TURKISH = "ıişğüöçİŞĞÜÖÇâîû“”‘’–…\xa0"
_BALTIC = "āēīūšžčņļķģąęėįųõäöü„“”–\xa0"
_HEBREW = "יוהלארתםבמשנעחדפקכןטגזצסךףץ״׳–\xa0"
_ARABIC = "اليمنرتوهبدسعفقحكجشصذطخزثغضظةىأإآءؤئپچگژ،؛؟–\xa0"
_THAI = "านรอกเงมยวลดทสตะปบคหแจพชขใไโผถ่้ัิีืุู์็ำ"
_KANA = (
    "のにをはがたとしているでなすれるこらりもかきくまさそちつどばめやよわんアイウカクコシストナ"
    "ニパフマラリルレンー、。「」・"
)
_HAN = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然"
    "家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民"
    "第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话"
    "這個們來為國說時會對過發後裡種經學樣現當沒動還進實軍無與長機關點業將兩間問應戰頭體產權義條，。、《》「」：；！？"
)
_HANGUL = (
    "이다는을의에가고하한로지은들기를사어도자리인대있아나시해서정그수과라만일부보주와적스전제장상것면게성원으거구동여"
    "조니세했된유비국우당공소회개위관안경신문방명연되모두않때할없진심학계생물선요"
)

_CANDIDATES = (
    ("cp1252", _WESTERN), ("cp1250", _CENTRAL), ("iso8859_2", _CENTRAL), ("cp1254", _TURKISH),
    ("cp1257", _BALTIC), ("cp1251", _CYRILLIC), ("koi8_r", _CYRILLIC), ("cp866", _CYRILLIC),
    ("iso8859_5", _CYRILLIC), ("cp1253", _GREEK), ("cp1255", _HEBREW), ("cp1256", _ARABIC),
    ("cp874", _THAI), ("cp932", _KANA + _HAN), ("euc_jp", _KANA + _HAN), ("gb18030", _HAN),
    ("big5hkscs", _HAN), ("cp949", _HANGUL),
)  # fmt: skip
_ENOUGH = 0.55
_CLEARLY_BETTER = 0.02
# What hardly occurs inside words: a capital after a small letter, a symbol, two alphabets, a Greek
# final sigma before another letter.
_BROKEN_WORD = re.compile(
    r"[a-zß-ÿā-žа-яёά-ώ][A-ZÀ-ÞА-Я]|\w[¹²³¿¡¼½¾£¥§°±¶÷×Ÿ]\w"
    r"|[A-Za-z][\u0370-\u06ff]|[\u0370-\u06ff][A-Za-z]|ς\w"
)
_TWO_BYTES = {"cp932", "euc_jp", "gb18030", "big5hkscs", "cp949"}
_WITHOUT_CASE = {"cp1255", "cp1256", "cp874", *_TWO_BYTES}


def likeliest(sample: bytes) -> str | None:
    """Return the encoding whose reading looks most like writing, or None where none does."""
    best, best_score = None, 0.0
    for name, frequent in _CANDIDATES:
        decoder = codecs.getincrementaldecoder(name)()  # a sample may end inside a character
        try:
            text = decoder.decode(sample)
        except UnicodeDecodeError:
            continue
        score = _score(
            text,
            frequent,
            usual_points=0.9 if name in _WITHOUT_CASE else 0.8,
            wide=name in _TWO_BYTES,
        )
        if score > best_score + _CLEARLY_BETTER:
            best, best_score = name, score
    return best if best_score >= _ENOUGH else None


def _score(text: str, frequent: str, *, usual_points: float, wide: bool) -> float:
    """Return about 1 where all characters beyond ASCII are frequent ones, less otherwise."""
    others = [character for character in text if character > "\x7f"]
    if not others:
        return 0.0
    top, usual = set(frequent[:10]), set(frequent)
    points = 0.0
    for character in others:
        if character in top or (wide and "ぁ" <= character <= "ヿ" and character in usual):
            points += 1.0
        elif character in usual:
            points += usual_points
        elif character.lower() in usual:
            points += 0.5
        elif wide and ("一" <= character <= "鿿" or "가" <= character <= "힣"):
            points += 0.4
    return (points - len(_BROKEN_WORD.findall(text))) / len(others)
