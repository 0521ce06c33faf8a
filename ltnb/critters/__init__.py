"""Critters: the rendered world, and the small CLIPs that were trained on it.

Facts of the world
    ``attributes`` (what a picture can show), ``species`` (which combinations are classes, their names and morphs),
    ``individuals`` (what differs from picture to picture) and ``words``. The datasheet is ``README.md``.
How it is drawn
    ``shapes``, ``scenes`` and ``things`` (banks that are drawn once), ``layers`` of a picture, painted with the means
    of ``raster``; ``render`` (numbers to pictures), ``images`` (as a dataset).
What a method may read
    ``images``, ``captions`` (the pre-training stream), ``texts`` (corpus and descriptors, written by ``text_sentences``
    and ``text_descriptors`` out of ``text_facts`` and ``text_senses`` in the forms of ``text_grammar``) and ``pool``.
    ``datasets`` puts them together.
What only evaluation may read
    ``truth``: what each picture shows and what each sentence is.
The small CLIPs
    ``pretrain`` makes them, ``pretrain_scores`` and ``premises`` measure them on species that no lesson uses,
    ``mentions`` counts what captions tell, ``naming`` and ``binding`` ask a model what it sees.
"""
