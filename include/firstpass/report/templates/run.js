// Inside Airflow's UI this page lies in a frame, which may not leave it: links to Airflow are followed by what is around.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.airflow");
  if (!link || window.parent === window) return;
  try {
    const outside = window.parent.document.createElement("a");
    outside.href = link.href;
    outside.click();
    event.preventDefault();
  } catch { /* the frame around is another's: follow the link here */ }
});
