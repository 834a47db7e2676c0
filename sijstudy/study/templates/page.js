"use strict";
/* The button that unfolds all code, and the keyboard's way into what is wider than the window. */
const button = document.getElementById("toggle-code");
const blocks = Array.from(document.querySelectorAll("details.code"));
function label() {
  button.textContent = blocks.every((block) => block.open) ? "Hide all code" : "Show all code";
}
if (button && blocks.length) {
  button.hidden = false;
  label();
  button.addEventListener("click", () => {
    const open = !blocks.every((block) => block.open);
    blocks.forEach((block) => { block.open = open; });
    label();
  });
  blocks.forEach((block) => block.addEventListener("toggle", label));
}
function reach() {
  document.querySelectorAll(".figure, .table-wrap, .output, pre").forEach((box) => {
    const wide = box.scrollWidth > box.clientWidth;
    box.classList.toggle("wide", wide);
    if (wide || box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}
window.addEventListener("load", reach);
window.addEventListener("resize", reach);
document.addEventListener("toggle", reach, true);
