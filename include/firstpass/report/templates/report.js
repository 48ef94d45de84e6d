"use strict";
// The gallery: filters by class and score, order, and a larger view. Without script all pictures simply stay shown.
const gallery = document.getElementById("gallery");
const filters = document.getElementById("filters");
const viewer = document.getElementById("viewer");
const figures = gallery ? [...gallery.children] : [];

const many = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

function filter() {
  const wanted = filters.elements.class.value, least = Number(filters.elements.score.value);
  filters.querySelector("output").value = least.toFixed(2);
  const narrow = wanted !== "" || least > 0;
  let pictures = 0, shown = 0;
  for (const figure of figures) {
    let here = 0;
    for (const shape of figure.querySelectorAll(".shape")) {
      const fits = (wanted === "" || shape.dataset.class === wanted) && Number(shape.dataset.score) >= least;
      shape.toggleAttribute("hidden", !fits);
      here += fits;
    }
    figure.hidden = narrow && here === 0;
    pictures += !figure.hidden;
    shown += figure.hidden ? 0 : here;
  }
  filters.querySelector("[role=status]").textContent = `${many(pictures, "picture")}, ${many(shown, "drawn draft")}`;
}

const orders = {
  certainty: (a, b) => a.dataset.certainty - b.dataset.certainty,
  drafts: (a, b) => b.dataset.drafts - a.dataset.drafts,
  name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, undefined, { numeric: true }),
};

function sort() {
  figures.sort(orders[filters.elements.order.value]);
  gallery.append(...figures);
}

function view(figure) {
  viewer.firstElementChild.replaceChildren(...[...figure.children].map((part) => part.cloneNode(true)));
  viewer.dataset.at = figures.indexOf(figure);
  if (!viewer.open) viewer.showModal();
}

function turn(step) {
  const visible = figures.filter((figure) => !figure.hidden);
  const at = visible.indexOf(figures[viewer.dataset.at]) + step;
  if (visible[at]) view(visible[at]);
}

if (filters) {
  filters.hidden = false;
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", (event) => (event.target.name === "order" ? sort() : filter()));
  filter();
  sort();
}
if (gallery) {
  gallery.addEventListener("click", (event) => {
    const figure = event.target.closest(".picture");
    if (figure) view(figure);
  });
  gallery.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target.matches(".picture")) {
      event.preventDefault();
      view(event.target);
    }
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
  });
  viewer.addEventListener("click", () => viewer.close());
}
