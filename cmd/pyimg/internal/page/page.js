for (const box of document.querySelectorAll("input[data-table]")) {
  box.hidden = false;
  box.addEventListener("input", () => {
    const text = box.value.toLowerCase();
    for (const row of document.querySelectorAll("#" + box.dataset.table + " tbody tr")) {
      row.hidden = !row.textContent.toLowerCase().includes(text);
    }
  });
}
