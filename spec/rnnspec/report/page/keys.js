
// Keys: one cell is in the order of the Tab key, from which the arrows lead to the others; Escape closes.

let current = null;

const buttons = (row) => [...row.querySelectorAll("td > button")].filter((button) => button.checkVisibility());

function listenToKeys() {
  const matrix = $("matrix");
  matrix.querySelectorAll("td > button").forEach((button) => {
    button.tabIndex = -1;
    button.setAttribute("aria-expanded", "false");
  });
  matrix.addEventListener("click", (event) => {
    const chosen = event.target.closest('td > button, th[scope="row"] a');
    if (!chosen || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const cell = chosen.parentElement;
    goTo(cell.parentElement.id + (cell.cellIndex ? "/" + data().columns[cell.cellIndex - 3].key : ""));
    open(shown);
  });
  matrix.addEventListener("focusin", (event) => event.target.matches("td > button") && take(event.target));
  matrix.addEventListener("keydown", move);
  matrix.addEventListener("click", () => rove());
  addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && close());
}

function take(button) {
  if (current) current.tabIndex = -1;
  current = button;
  current.tabIndex = 0;
}

function rove() {
  if (current?.isConnected && current.checkVisibility()) return;
  const row = lines.find((line) => line.row.checkVisibility() && buttons(line.row).length)?.row;
  if (row) take(buttons(row)[0]);
}

function move(event) {
  const button = event.target.closest("td > button");
  if (!button || event.ctrlKey || event.altKey || event.metaKey) return;
  const row = button.closest("tr");
  const own = buttons(row);
  const beside = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const below = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  let to = null;
  if (beside) to = own[own.indexOf(button) + beside];
  else if (below) to = next(row, button.parentElement.cellIndex, below);
  else if (event.key === "Home") to = own[0];
  else if (event.key === "End") to = own.at(-1);
  else return;
  event.preventDefault();
  to?.focus();
}

function next(row, column, by) {
  for (let place = lines.findIndex((line) => line.row === row) + by; lines[place]; place += by) {
    const button = lines[place].row.cells[column].querySelector("button");
    if (button?.checkVisibility()) return button;
  }
  return null;
}
