// Both parts, and the tabs between them.
"use strict";

(() => {
  const { circuit, programs } = JSON.parse($("data").textContent);
  const wrong = programs.filter((one) => !subarray.agrees(one)).map((one) => one.title);
  if (wrong.length) {
    $("steps").prepend(element("p", { class: "banner" },
      `This page carries out ${wrong.join(", ")} otherwise than pimsim: please report it.`));
  }
  const first = lab(circuit), second = steps(programs);
  const tabs = ["lab", "steps"].map((name) => $(`tab-${name}`));
  function open(index) {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = i !== index;
    });
    if (index === 0) { second.stop(); first.compute(); }
    history.replaceState(null, "", index ? "#steps" : "#lab");
  }
  tabs.forEach((tab, index) => tab.addEventListener("click", () => open(index)));
  arrows(tabs, open);
  if (location.hash === "#steps") open(1);
  window.playground = { circuit, programs, bitline, variation, subarray };
})();
