"""What a sweep measures, and the fields that it can vary.

A :mod:`~experiments.sweep.measures.field` is what can vary and
:mod:`~experiments.sweep.measures.fields` lists all of them; a
:mod:`~experiments.sweep.measures.measure` is what is counted at a point:
:mod:`~experiments.sweep.measures.accuracy`, :mod:`~experiments.sweep.measures.cost`,
:mod:`~experiments.sweep.measures.tra_failure`. :mod:`~experiments.sweep.measures.circuits` and
:mod:`~experiments.sweep.measures.networks` say what the fields of a point stand for.

A measure does not know of other points, nor where its counts are kept.
"""
