"""What a sweep measures, and the fields that it can vary.

A :mod:`~experiments.sweep.measures.field` can be fixed or varied;
:mod:`~experiments.sweep.measures.fields` lists all. A :mod:`~experiments.sweep.measures.measure`
says what is counted at a point: :mod:`~experiments.sweep.measures.accuracy`,
:mod:`~experiments.sweep.measures.cost`, :mod:`~experiments.sweep.measures.errors` or
:mod:`~experiments.sweep.measures.tra_failure`. :mod:`~experiments.sweep.measures.circuits` and
:mod:`~experiments.sweep.measures.networks` make circuits and networks from the fields of a point.

A measure does not depend on other points, or on where its counts are stored.
"""
