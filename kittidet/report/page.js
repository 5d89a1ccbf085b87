"use strict";
// Images open at full size over the page; without this script the links lead to the PNG files beside it.
(() => {
  const dialog = document.querySelector("dialog");
  const links = [...document.querySelectorAll(".image a")];
  if (!dialog || !links.length || typeof dialog.showModal !== "function") return;
  const stage = dialog.querySelector(".stage");
  const image = document.createElement("img");
  stage.append(image);
  let current = 0;
  const show = (index) => {
    current = (index + links.length) % links.length;
    const shown = links[current].querySelector("img");
    image.src = shown.src;
    image.alt = shown.alt;
    dialog.querySelector("span").textContent = shown.alt;
  };
  links.forEach((link, index) =>
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(index);
      dialog.showModal();
    }),
  );
  image.addEventListener("click", () => stage.classList.toggle("fit"));
  dialog.querySelector("[data-go=prev]").addEventListener("click", () => show(current - 1));
  dialog.querySelector("[data-go=next]").addEventListener("click", () => show(current + 1));
  dialog.querySelector("[data-go=close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(current - 1);
    if (event.key === "ArrowRight") show(current + 1);
  });
})();
