"use strict";
// Tables sort by the column whose heading is pressed: once upwards or downwards, again the other
// way. Rows that are equal keep their order.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const said = document.createElement("p");
  said.className = "said";
  said.setAttribute("role", "status");
  table.closest("figure").append(said);
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const number = head.classList.contains("n");
      const last = head.getAttribute("aria-sort");
      const down = last ? last === "ascending" : number;
      const rows = [...body.rows].map((row) => {
        const cell = row.cells[column];
        const text = cell.dataset.sort ?? cell.textContent;
        return [number ? (text === "-inf" ? -Infinity : Number(text)) : text, row];
      });
      const sign = down ? -1 : 1;
      rows.sort(([one], [other]) => sign * (number ? (one > other) - (one < other)
        : one.localeCompare(other, "en", { numeric: true })));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows.map(([, row]) => row));
      said.textContent = `sorted by ${head.textContent}, ${down ? "descending" : "ascending"}`;
    });
  });
}
