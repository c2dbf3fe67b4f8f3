
// Filters: a clause is shown where something in the columns that are shown fits.

const hidden = new CSSStyleSheet(); // columns by their number, which is quicker than by their cells
document.adoptedStyleSheets = [hidden];

const columnsShown = () => data().columns.map((column, place) => [column, place]).filter(([column]) => !state.rnn.length || state.rnn.includes(visible(column.name))).map(([, place]) => place);
const filtered = () => fragmentOf("") !== "#";

function listenToFilters() {
  for (const field of document.querySelectorAll("[data-filter]"))
    field.addEventListener("change", () => {
      state[field.dataset.filter] = [...field.querySelectorAll(":checked")].map((box) => box.value);
      changed();
    });
  $("chapter").addEventListener("change", (event) => { state.chapter = event.target.value; changed(); });
  $("differ").addEventListener("change", (event) => { state.differ = event.target.checked; changed(); });
  let wait = 0;
  $("search").addEventListener("input", (event) => {
    clearTimeout(wait);
    wait = setTimeout(() => { state.q = event.target.value.trim(); changed(); }, 120);
  });
  $("clear").addEventListener("click", () => { state = { ...NONE }; showFilters(); changed(); $("search").focus(); });
  $("open").addEventListener("click", () => {
    const all = chapters.some((chapter) => !chapter.hidden && chapter.classList.contains("closed"));
    chapters.forEach((chapter) => setOpen(chapter, all));
    rove();
  });
  for (const chapter of chapters)
    chapter.querySelector("button").addEventListener("click", () => setOpen(chapter, chapter.classList.contains("closed")));
}

function setOpen(chapter, isOpen) {
  chapter.classList.toggle("closed", !isOpen);
  chapter.querySelector("button").setAttribute("aria-expanded", isOpen);
  const closed = chapters.some((each) => !each.hidden && each.classList.contains("closed"));
  $("open").textContent = closed ? "Open all chapters" : "Close all chapters";
}

function changed() {
  goTo(shown, true);
  applyFilters();
}

function showFilters() {
  for (const field of document.querySelectorAll("[data-filter]"))
    for (const box of field.querySelectorAll("input")) box.checked = state[field.dataset.filter].includes(box.value);
  $("chapter").value = state.chapter;
  $("differ").checked = state.differ;
  if ($("search").value.trim() !== state.q) $("search").value = state.q;
}

function applyFilters() {
  if (!filtered() && $("clear").hidden) return; // as it came
  const columns = columnsShown();
  showColumns(columns);
  const finds = state.q ? found(state.q.toLowerCase()) : null;
  for (const line of lines) {
    const fits = (!state.level.length || state.level.includes(line.level)) && (!state.chapter || line.chapter === state.chapter);
    line.row.hidden = !(fits && tried(line, columns) && (!finds || finds(line, columns)));
    if (!finds) line.row.querySelectorAll(".hit").forEach((cell) => cell.classList.remove("hit"));
  }
  for (const chapter of chapters) {
    chapter.hidden = ![...chapter.rows].some((row) => row.dataset.level !== undefined && !row.hidden);
    if (!onlyColumns()) setOpen(chapter, filtered());
  }
  const many = lines.filter((line) => !line.row.hidden).length;
  $("count").textContent = filtered() ? `${many} of ${plural(lines.length, "clause")}` : "";
  $("clear").hidden = !filtered();
  rove();
}

const onlyColumns = () => state.rnn.length > 0 && !(state.outcome.length || state.level.length || state.chapter || state.q || state.differ);

function tried(line, columns) {
  const cells = columns.map((place) => data().cells[line.place][place]);
  if (state.outcome.length && !cells.some((cell) => cell && [...cell[1]].some((letter) => state.outcome.includes(data().outcomes[letter])))) return false;
  if (state.differ) {
    const kinds = new Set(columns.map((place) => line.row.cells[place + 3].className.replace(" hit", "")).filter(Boolean));
    return kinds.size > 1;
  }
  return !state.rnn.length || cells.some(Boolean);
}

function showColumns(columns) {
  const out = data().columns.map((_, place) => place).filter((place) => !columns.includes(place));
  const rules = out.flatMap((place) => [`tr[id] > td:nth-child(${place + 4})`, `tr[data-level] > td:nth-child(${place + 4})`, `tr.chapter > td:nth-child(${place + 3})`, `thead tr + tr > th:nth-child(${place + 1})`]);
  const names = [...document.querySelectorAll(".matrix thead .group")];
  names.forEach((group) => { group.hidden = Boolean(state.rnn.length) && !state.rnn.includes(group.querySelector("bdi").textContent); });
  hidden.replaceSync(rules.length ? `:is(${rules.map((rule) => ".matrix " + rule).join(",")}) { display: none }` : "");
}

// A word is looked for in each text once, and then in the places that have those texts.

function found(word) {
  const within = (texts) => new Set(texts.flatMap((text, place) => (text.toLowerCase().includes(word) ? [place] : [])));
  const cases = within(data().cases);
  const messages = within(data().messages);
  const lists = new Set(data().lists.flatMap((list, place) => (list.some((each) => cases.has(each)) ? [place] : [])));
  return (line, columns) => {
    let any = line.row.cells[0].textContent.toLowerCase().includes(word) || line.row.cells[1].textContent.toLowerCase().includes(word);
    for (const place of columns) {
      const cell = data().cells[line.place][place];
      const hit = Boolean(cell) && (lists.has(cell[0]) || Object.values(cell[4]).some((each) => messages.has(each)));
      if (cell) line.row.cells[place + 3].classList.toggle("hit", hit);
      any ||= hit;
    }
    return any;
  };
}
