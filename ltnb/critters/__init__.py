"""Critters: the rendered world, and the small CLIPs that were trained on it.

Facts of the world
    ``attributes`` (what an animal can look like) and ``species`` (which combinations are classes, and their names).
How it is drawn
    ``shapes`` and ``scenes`` (banks that are drawn once), ``render`` (numbers to pictures), ``images`` (as a dataset).
What a method may read
    ``images``, ``captions`` (the pre-training stream), ``texts`` (corpus and descriptors, written by ``text_sentences``
    and ``text_descriptors`` out of ``text_facts`` and ``text_senses`` in the forms of ``text_grammar``) and ``pool``.
    ``datasets`` puts them together.
What only evaluation may read
    ``truth``: what each picture shows and what each sentence is.
The small CLIPs
    ``pretrain`` makes them, ``pretrain_scores`` measures them on species that no lesson uses.
"""
