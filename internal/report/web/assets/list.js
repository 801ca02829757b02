const columns = [
  { title: 'Package', value: (n) => n.pkg.name },
  { title: 'Platform', value: (n) => n.platform },
  { title: 'State', value: (n) => n.state },
  { title: 'Reason', value: (n) => [n.reason?.replaceAll('_', ' '), (n.changes ?? []).slice(0, 3).join(', ')].filter(Boolean).join(': ') },
  ...(data.run
    ? [{ title: 'Started', value: (n) => n.run?.s ?? -1, show: (n) => (n.run?.ms ? '+' + duration(n.run.s) : '') },
      { title: 'Took', value: (n) => n.run?.ms ?? -1, show: (n) => (n.run?.ms ? duration(n.run.ms) : '') },
      { title: 'Builder', value: (n) => n.run?.builder ?? '' }]
    : [{ title: 'Wave', value: (n) => n.wave, show: (n) => (n.wave ? String(n.wave) : '') },
      { title: 'Estimate', value: (n) => n.est ?? 0, show: (n) => (n.est ? duration(n.est) : '') }]),
];
const sorting = { column: -1, sign: 1 };

// fillList writes the rows that are shown. A row's button opens details.
function fillList() {
  const rows = data.nodes.filter((n) => n.shown);
  if (sorting.column >= 0) {
    const { value } = columns[sorting.column];
    rows.sort((a, b) => sorting.sign * (typeof value(a) === 'number' ? value(a) - value(b) : value(a).localeCompare(value(b))) || a.i - b.i);
  }
  byId('table').tBodies[0].replaceChildren(...rows.map((n) => n.row ??= listRow(n)));
  markRow();
}

function listRow(n) {
  const cells = columns.map((c, i) => {
    const text = (c.show ?? c.value)(n);
    if (i === 0) return make('td', {}, make('button', { type: 'button', class: 'open', onclick: () => select(n.i, { focus: true }) }, text));
    if (c.title === 'State') return make('td', {}, make('span', { class: 'state', color: stateVar(n.state) }, stateName(n.state)));
    return make('td', { class: c.title === 'Reason' ? 'why' : c.show ? 'num' : '' }, text);
  });
  return make('tr', {}, cells);
}

function markRow() {
  for (const n of data.nodes) n.row?.classList.toggle('on', n.i === selected);
}

function setUpList() {
  const head = make('tr', {}, columns.map((c, i) => make('th', { scope: 'col' }, make('button', {
    type: 'button',
    onclick: (e) => {
      sorting.sign = sorting.column === i ? -sorting.sign : 1;
      sorting.column = i;
      for (const th of e.target.closest('tr').children) th.removeAttribute('aria-sort');
      e.target.closest('th').setAttribute('aria-sort', sorting.sign > 0 ? 'ascending' : 'descending');
      fillList();
    },
  }, c.title))));
  byId('table').tHead.append(head);
  // The list is filled when it is first looked at: it may be long.
  const fill = () => {
    if (!byId('panel-list').hidden) fillList();
  };
  listeners.filter.push(fill);
  listeners.select.push(markRow);
  listeners.show = { 'panel-list': fill };
}
