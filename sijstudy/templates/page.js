"use strict";
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
