"use strict";
// A frame whose content is wider than itself says so, and on which side there is more.
for (const scroll of document.querySelectorAll(".frame > .scroll")) {
  const frame = scroll.parentElement;
  const hint = document.createElement("p");
  hint.className = "hint";
  frame.append(hint);
  const look = () => {
    const hidden = scroll.scrollWidth - scroll.clientWidth;
    const left = Math.round(scroll.scrollLeft);
    frame.classList.toggle("less", hidden > 1 && left > 0);
    frame.classList.toggle("more", hidden > 1 && left < hidden - 1);
    hint.hidden = hidden <= 1;
    const text = left < hidden - 1 ? "More to the right: scroll sideways \u2192"
      : "\u2190 The rest is to the left: scroll back";
    if (hint.textContent !== text) hint.textContent = text;
  };
  scroll.addEventListener("scroll", look, { passive: true });
  const watch = new ResizeObserver(look);
  watch.observe(scroll);
  if (scroll.firstElementChild) watch.observe(scroll.firstElementChild);
  look();
}
