"""Pages made from templates, and edited copies of one text, for tests and benchmarks. All wording is our own."""

from __future__ import annotations

import random
import re

NAMES = "Ada Brandt|Tom Weir|Karin Holt|Paul Ames|Lea Nordin|Omar Said|Ines Duarte|Jon Falk|Mia Stroud|Ravi Menon|Elsa Kroon"
TOWNS = "Velsing|Harrow Vale|Port Ellery|Carrow|Ashby Ford|Lusenna|Brekka|Dunmore|Skerran|Saltby|Northgate|Wenlow|Fernhaven"

# In a frame <NAME> and <TOWN> are drawn anew each time, <name> and <town> once a page; <9-35> is a number, <a|b> a choice.
FRAMES = {
    "weather": (
        "Weather for <town>. <Rain|Sun|Fog|Snow showers|Cloud> is expected in <town> today with a high of <9-35>"
        " degrees and a low of <1-8>. Winds will blow from the <north|south west|east> at <2-60> miles an hour, and the"
        " chance of rain is <0-100> percent. The sun rises at <4-8>:<10-59> and sets at <16-21>:<10-59>. Tomorrow will"
        " be <warmer|colder|wet>, the county weather office says."
    ),
    "earnings": (
        "<town> Trust on <Monday|Tuesday|Friday> reported net income of $<1-900>.<0-9> million for the quarter. On a"
        " per-share basis, the company, which is based in <TOWN>, said it had earned $<0-5>.<10-99>. The results topped"
        " what the market had expected. The average estimate of analysts was for earnings of $<0-5>.<10-99> per share."
        " The company posted revenue of $<1-900>.<0-9> million in the period. Its shares have risen <2-60> percent since"
        " the beginning of the year and are now as high as they were before the summer, when a fire closed its largest"
        " plant."
    ),
    "obituary": (
        "<name>, <50-99>, of <town>, passed away peacefully at home on <Monday|Friday|Sunday>. <name> was born in"
        " <TOWN> to <NAME> and <NAME>, and worked for many years as <a teacher|an electrician|a nurse|a clerk>. <name>"
        " is survived by <1-5> children and <1-12> grandchildren. Visitation will be held at the <TOWN> funeral home on"
        " <Thursday|Saturday> in the evening. The family asks that gifts be made to the <TOWN> hospice."
    ),
    "sale": (
        "The property at <1-9999> <TOWN> Street in <town> has new owners. The house, built in <1900-2019>, was sold on"
        " <March|April|May> <1-28> for $<90-990>,<100-999>, or $<90-900> per square foot. The layout of this home"
        " consists of <1-6> bedrooms and <1-4> baths. Inside, there is a fireplace. The yard behind it is <1000-9000>"
        " square feet in size. Houses nearby have recently been sold, too: one on <TOWN> Road went for $<90-990>,000."
    ),
    "match": (
        "<town> <90-120>, <TOWN> <50-89>. <NAME> scored <10-50> points and had <2-20> rebounds as <town> won on"
        " <Monday|Friday|Saturday> night. <NAME> added <8-40> points for the winners, who led by <2-20> at half-time and"
        " were never behind after that. <NAME> paced the visitors with <8-40> points. The teams play again next week in"
        " <TOWN>, where the visitors have won <1-9> of their last ten games this season."
    ),
}
_FIELD = re.compile(r"<([^>]+)>")


def fill(frame: str, pick: random.Random) -> str:
    """A page of the frame, its fields filled at random."""
    once = {"name": pick.choice(NAMES.split("|")), "town": pick.choice(TOWNS.split("|"))}

    def value(field: re.Match[str]) -> str:
        name = field[1]
        if name in once:
            return once[name]
        if low_high := re.fullmatch(r"(\d+)-(\d+)", name):
            return str(pick.randint(int(low_high[1]), int(low_high[2])))
        return pick.choice({"NAME": NAMES, "TOWN": TOWNS}.get(name, name).split("|"))

    return _FIELD.sub(value, frame)


def make_frame(text: str, slots: int, words: int = 260) -> str:
    """A frame of the text's first words with names and sums put in at even distances."""
    body, parts = text.split()[:words], list[str]()
    step = len(body) // (slots + 1)
    for slot in range(slots):
        parts += [*body[slot * step : (slot + 1) * step], ("<NAME>", "<TOWN>", "$<1000-99999>")[slot % 3]]
    return " ".join(parts + body[slots * step :])


def edit(text: str, edits: int, pick: random.Random) -> str:
    """The text with some words replaced, taken out or put in, as an editor does."""
    words = text.split()
    for _ in range(edits):
        place = pick.randrange(len(words))
        words[place : place + pick.randint(0, 1)] = pick.choice([[], ["however"], ["officials"], ["12"], ["new"]])
    return " ".join(words)
