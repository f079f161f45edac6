"""Writes labelled texts from the grammar of the demo corpus, as JSON lines.

Each text begins like a story. Then its hero loses a thing at one place and
finds it at another, in this order or the other one; sentences that say nothing
of it follow. Two labels:

  "keeps"  "yes" when the thing is found last, "no" when it is lost last. A coin
           decides, after everything else is chosen: the same sentences stand
           in the text either way, so no count of letters, words or sentences
           can tell.
  "hero"   "she" or "he": the words of the text say so.

usage: make_labelled.py [number of texts] [seed] > labelled.jsonl
"""
import json
import random
import sys

from make_corpus import Story


def labelled(rng):
    story = Story(rng, "plain")
    story.opening()
    story.meet()
    story.say("{h} had a {obj}.", "{H.his} [mother|father] had given {h.him} a {obj}.")
    lost = story.expand("at the {place2}, {h.he} lost the {thing}.")
    found = story.expand("at the {place3}, {h.he} found the {thing}.")
    keeps = rng.random() < 0.5
    story.out += [lost, found] if keeps else [found, lost]
    for _ in range(rng.randint(2, 6)):
        story.say("{they} [ate|shared] some {food} and [laughed|talked|sang].", "it was a [lovely|quiet|warm] day.",
                  "the [sun was shining|wind was blowing|birds were singing|sky was blue].",
                  "{hf} sat down {spot2} for a while.", "{g} the {g.kind} came by and [smiled|waved|sang a song].")
    return {"text": " ".join(story.out), "keeps": "yes" if keeps else "no", "hero": story.slots["h.he"]}


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for _ in range(number):
        print(json.dumps(labelled(rng)))


if __name__ == "__main__":
    main()
