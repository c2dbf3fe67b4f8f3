
// What a clause or a cell opens to, beside the matrix.

let opener = null;

function open(target) {
  const [clause, ...column] = target.split("/").map(decoded);
  const line = target ? lines.find((each) => decoded(each.row.id) === clause) : null;
  if (!line) return close(false);
  const key = JSON.stringify(column);
  const place = column.length ? data().columns.findIndex((each) => JSON.stringify(each.key.split("/").map(decoded)) === key) : -1;
  shown = target;
  setOpen(line.row.parentElement, true);
  const button = place < 0 ? null : line.row.cells[place + 3].querySelector("button");
  mark(button);
  const panel = $("panel");
  panel.replaceChildren(...about(line), ...(place < 0 ? columnsOf(line) : casesOf(line, place)));
  panel.hidden = false;
  panel.scrollTop = 0;
  document.body.classList.add("opened");
  if (!line.row.hidden) (button ?? line.row).scrollIntoView({ block: "nearest", inline: "nearest" });
  $("title").focus({ preventScroll: true });
}

function mark(button) {
  document.querySelectorAll('td > button[aria-expanded="true"]').forEach((each) => each.setAttribute("aria-expanded", "false"));
  button?.setAttribute("aria-expanded", "true");
  if (button) opener = button;
}

function close(andGo = true) {
  if ($("panel").hidden) return;
  $("panel").hidden = true;
  document.body.classList.remove("opened");
  mark(null);
  if (andGo) goTo("");
  else shown = "";
  (opener?.isConnected && opener.checkVisibility() ? opener : $("matrix")).focus();
}

function about(line) {
  const [, norm] = line.row.cells;
  const source = norm.querySelector(".source");
  const said = norm.querySelector("p").cloneNode(true);
  said.className = "norm";
  const facts = el("dl", {}, el("dt", {}, "Level"), el("dd", {}, line.level));
  if (source) {
    const text = el("dd");
    text.append(...source.cloneNode(true).childNodes);
    facts.append(el("dt", {}, "Source"), text);
  }
  return [
    el("button", { class: "close", click: () => close() }, "Close"),
    el("h2", { id: "page:title", tabindex: "-1" }, el("bdi", {}, line.clause)),
    said,
    facts,
  ];
}

function columnsOf(line) {
  const rows = data().columns.map((column, place) => {
    const cell = line.row.cells[place + 3];
    const said = cell.textContent ? el("a", { href: fragmentOf(`${line.row.id}/${column.key}`) }, cell.textContent) : "not tried";
    return el("tr", {}, el("th", { scope: "row" }, named(column)), el("td", { class: cell.className }, said), el("td", { class: "meta" }, column.day));
  });
  const heads = ["Implementation", "Outcome", "Date"].map((word) => el("th", { scope: "col" }, word));
  return [...chart(line), el("h3", {}, "Columns"), el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows))];
}

const named = (column) => el("span", {}, el("bdi", {}, column.name), ` ${column.device} ${column.dtype}`);

function casesOf(line, place) {
  const column = data().columns[place];
  const rows = rowsOf(line.place, place);
  const order = (row) => (BAD.has(row.outcome) ? 0 : ["KNOWN", "PASS", "NOT CLAIMED"].indexOf(row.outcome) + 1);
  rows.sort((a, b) => order(a) - order(b));
  const facts = [["Column", named(column)], ["Versions", column.versions], ["Run", `${column.day || "no date"}, ${column.file}`]];
  const all = el("a", { href: fragmentOf(line.row.id) }, "All columns of this clause");
  return [
    el("dl", {}, ...facts.flatMap(([word, says]) => [el("dt", {}, word), el("dd", {}, says)])),
    el("p", {}, all),
    el("h3", {}, rows.length ? plural(rows.length, "case") : "Not tried"),
    ...rows.map((row, i) => oneCase(line, column, row, i < 3 && BAD.has(row.outcome))),
  ];
}

function oneCase(line, column, row, isOpen) {
  const measured = row.headroom === null ? "" : `error ÷ bound ${short(row.headroom)} · `;
  const outcome = row.outcome.toLowerCase();
  const summary = el("summary", {}, el("span", { class: outcome.split(" ")[0] }, outcome), el("code", {}, row.case), " ", el("span", { class: "meta" }, measured + (row.spent < 1000 ? `${row.spent} ms` : `${row.spent / 1000} s`)));
  const made = el("details", { class: "case" }, summary);
  made.fill = () => made.childElementCount > 1 || made.append(...inside(line, column, row));
  made.addEventListener("toggle", made.fill);
  if (isOpen) made.fill();
  made.open = isOpen;
  return made;
}

addEventListener("beforeprint", () => {
  for (const made of document.querySelectorAll("aside .case")) {
    made.fill();
    made.open = true;
  }
});

function* inside(line, column, row) {
  if (row.message) yield el("pre", {}, row.message);
  if (row.kernels) yield el("p", { class: "meta" }, `Kernels: ${row.kernels}`);
  if (row.script) {
    yield heading("The same in plain torch", "Copy the script", row.script);
    yield el("pre", {}, row.script);
  }
  const command = commandOf(line.clause, column, row.case);
  if (!command) return yield el("p", { class: "meta" }, "No command can be written for these names.");
  yield heading("To try it again", "Copy the command", command);
  yield el("pre", {}, command);
}

const heading = (words, act, text) => el("p", { class: "what" }, words, el("button", { click: (event) => copy(text, event.currentTarget) }, act));

// Words in a shell's quotes; with control characters, which could end a paste, there is no command.

function commandOf(clause, column, name) {
  const words = [name, column.name, column.dtype, column.device];
  if (!/^[A-Z]+-\d+$/.test(clause) || words.some((word) => visible(word) !== word || /[\n\t]/.test(word))) return null;
  const [quotedCase, rnn, dtype, device] = words.map((word) => (/^[\w.:+@%\/,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`));
  const join = (option, word) => (word.startsWith("-") || word.startsWith("'-") ? `${option}=${word}` : `${option} ${word}`);
  return `rnnspec reproduce ${clause} ${join("--case", quotedCase)} ${join("--rnn", rnn)} --dtype ${dtype} ${join("--device", device)}`;
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { class: "unseen" });
    area.value = text;
    button.after(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const before = button.dataset.says ?? (button.dataset.says = button.textContent);
  button.textContent = "Copied";
  $("said").textContent = "Copied";
  setTimeout(() => { button.textContent = before; $("said").textContent = ""; }, 1500);
}
