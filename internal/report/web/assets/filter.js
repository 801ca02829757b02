const wanted = { state: new Set(), platform: new Set(), reason: new Set() };

// filterNodes decides which nodes are shown: those that have every word of the
// search, and of each kind of filter one that is chosen, if any is.
function filterNodes() {
  const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const n of data.nodes) {
    n.shown = words.every((w) => n.text.includes(w)) &&
      Object.entries(wanted).every(([key, set]) => set.size === 0 || set.has(n[key] ?? ''));
    if (n.shown) shown++;
  }
  byId('count').textContent = shown === data.nodes.length ? `${shown} nodes` : `${shown} of ${data.nodes.length} nodes`;
  tell('filter');
}

function filterGroup(key, title) {
  const counts = new Map();
  for (const n of data.nodes) counts.set(n[key] ?? '', (counts.get(n[key] ?? '') ?? 0) + 1);
  counts.delete('');
  if (counts.size < 2) return null;
  const order = Object.keys(key === 'state' ? states : reasons);
  const values = [...counts.keys()].sort((a, b) => (order.indexOf(a) - order.indexOf(b)) || a.localeCompare(b));
  return make('fieldset', {}, make('legend', {}, title), values.map((value) => {
    const box = make('input', { type: 'checkbox', 'data-filter': key, value, 'aria-label': `${title} ${chipName(key, value)}, ${counts.get(value)}` });
    box.addEventListener('change', () => {
      if (box.checked) wanted[key].add(value);
      else wanted[key].delete(value);
      filterNodes();
    });
    return make('span', { class: 'chip', color: key === 'state' ? stateVar(value) : '--line' },
      box, make('span', { 'aria-hidden': 'true' }, chipName(key, value), make('small', {}, String(counts.get(value)))));
  }));
}

const chipName = (key, value) => (key === 'state' ? stateName(value) : value.replaceAll('_', ' '));

function setUpFilters() {
  byId('filters').append(...[['state', 'State'], ['platform', 'Platform'], ['reason', 'Reason']]
    .map(([key, title]) => filterGroup(key, title)).filter(Boolean));
  const search = byId('search');
  search.addEventListener('input', filterNodes);
  search.addEventListener('keydown', (e) => {
    if (e.key === 'Enter') {
      const first = data.nodes.find((n) => n.shown);
      if (first) select(first.i, { center: true });
    }
  });
}
