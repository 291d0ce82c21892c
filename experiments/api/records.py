"""Rows of a result, as plain dicts, as a pandas DataFrame, and as a table in a notebook.

>>> rows = Records([{"layer": "fc1", "energy_pj": 12.5}, {"layer": "fc2", "energy_pj": 1.0}])
>>> rows[0]["layer"], len(rows), rows.columns
('fc1', 2, ('layer', 'energy_pj'))
>>> rows
<Records: 2 rows of layer, energy_pj>
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from experiments.output.words import counted, listed

if TYPE_CHECKING:
    import pandas


class Records(list[dict[str, Any]]):
    """A list of rows, each a dict from column to value."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all rows, in order of first appearance."""
        return tuple(dict.fromkeys(name for row in self for name in row))

    def to_pandas(self) -> pandas.DataFrame:
        """Return a DataFrame with the same rows and columns.

        Raises ImportError where pandas is not installed: ``pip install pandas``.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("`to_pandas()` needs pandas: pip install pandas") from error
        return pandas.DataFrame(list(self), columns=list(self.columns))

    def __repr__(self) -> str:
        """Return the number of rows and the columns, in one line."""
        columns = listed(self.columns, 4) or "no columns"
        return f"<Records: {counted(len(self), 'row')} of {columns}>"

    def _repr_html_(self) -> str:
        """Return the rows as an HTML table; markup in names is escaped."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in self.columns) + "</tr>"
            for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
