"""Generated pages of ``docs``: ``python -m experiments.pages NAME ...``.

:mod:`~experiments.pages.page` says what a page is: rows that are simulated and stored, and the text
and figures made from them. ``__main__`` lists the pages; their prose is in ``texts``.

No number is written by hand: each comes from rows that were simulated.
"""
