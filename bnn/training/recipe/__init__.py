"""The settings of a training: every choice by name.

:mod:`~bnn.training.recipe.settings` has all of them and what excludes what;
:mod:`~bnn.training.recipe.choices` has the tables that a choice is added to, and
:mod:`~bnn.training.recipe.recipes` names settings that belong together.

It knows of no network, and makes what it names from the ``tf_keras`` and ``larq`` that it is given.
"""
