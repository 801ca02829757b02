const lanes = byId('lanes');
const time = { from: 0, to: 1, hits: [] };
const barHeight = 20, barGap = 4, laneHead = 34, left = 16;

// drawLanes draws a lane for each builder, with a bar for each attempt.
function drawLanes() {
  if (!lanes || !lanes.clientWidth) return;
  const run = data.run;
  const height = run.lanes.reduce((sum, l) => sum + laneHead + l.rows * (barHeight + barGap) + 10, 36);
  lanes.style.height = height + 'px';
  const c = context(lanes);
  const width = lanes.clientWidth;
  const scale = (width - 2 * left) / Math.max(1, time.to - time.from);
  const at = (ms) => left + (ms - time.from) * scale;
  time.hits = [];
  drawTicks(c, at, scale, height);
  let y = 36;
  for (const lane of run.lanes) {
    c.font = `600 13px ${colors['--sans']}`;
    c.fillStyle = colors['--text'];
    c.fillText(lane.builder ? `Builder ${lane.builder}` : 'This machine', left, y + 18);
    const name = c.measureText(lane.builder ? `Builder ${lane.builder}` : 'This machine').width;
    c.font = `12px ${colors['--sans']}`;
    c.fillStyle = colors['--faint'];
    c.fillText(`${lane.bars.length} attempts, ${duration(lane.busy)} of work`, left + name + 12, y + 18);
    y += laneHead;
    for (const bar of lane.bars) drawBar(c, bar, at, y + bar.row * (barHeight + barGap));
    y += lane.rows * (barHeight + barGap) + 10;
  }
}

function drawTicks(c, at, scale, height) {
  const steps = [100, 250, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000];
  const every = steps.find((s) => s * scale > 80) ?? 7200000;
  c.font = `11.5px ${colors['--sans']}`;
  for (let ms = Math.ceil(time.from / every) * every; ms <= time.to; ms += every) {
    c.fillStyle = colors['--grid'];
    c.fillRect(at(ms), 28, 1, height);
    c.fillStyle = colors['--faint'];
    c.fillText(duration(ms), at(ms) + 3, 20);
  }
}

function drawBar(c, bar, at, y) {
  const retried = bar.status === 'retried'; // has room for its mark
  const x1 = Math.max(at(bar.s), 0), x2 = Math.min(Math.max(at(bar.e), x1 + (retried ? 13 : 2)), lanes.clientWidth);
  if (x2 < 0 || x1 > lanes.clientWidth) return;
  const node = data.nodes[bar.n];
  c.globalAlpha = node && !node.shown ? 0.15 : 1;
  c.fillStyle = colors[stateVar(bar.status)];
  c.beginPath();
  c.roundRect(x1, y, x2 - x1, barHeight, 4);
  c.fill();
  if (node?.crit || (bar.n >= 0 && bar.n === selected)) {
    c.strokeStyle = bar.n === selected ? colors['--text'] : colors['--accent'];
    c.lineWidth = 2;
    c.stroke();
  }
  c.fillStyle = colors['--surface'];
  c.font = `600 11.5px ${colors['--sans']}`;
  bar.text = barText(c, bar, x2 - x1 - 10);
  c.textAlign = 'center';
  if (bar.text === '↻') c.fillText(bar.text, (x1 + x2) / 2, y + 14);
  c.textAlign = 'left';
  if (bar.text !== '↻') c.fillText(bar.text, x1 + 5, y + 14);
  c.globalAlpha = 1;
  time.hits.push([x1, y, x2, y + barHeight, bar]);
}

// barText is what a bar has room for: all, or the package, or some of it.
function barText(c, bar, width) {
  const mark = bar.status === 'retried' ? '↻' : '';
  const texts = [bar.label, ...(bar.n < 0 ? [] : [data.nodes[bar.n].pkg.name])].map((t) => [mark, t].filter(Boolean).join(' '));
  const fits = texts.find((t) => c.measureText(t).width <= width);
  return fits ?? (width < 36 ? mark : shortened(c, texts.at(-1), width));
}

const barAt = (e) => time.hits.find(([x1, y1, x2, y2]) => e.offsetX >= x1 && e.offsetX <= x2 && e.offsetY >= y1 && e.offsetY <= y2)?.[4];

function setUpTimeline() {
  if (!lanes) return;
  time.to = Math.max(1, data.run.took);
  setUpAttempts();
  const tip = byId('tip');
  lanes.addEventListener('pointermove', (e) => {
    const bar = barAt(e);
    tip.hidden = !bar;
    if (!bar) return;
    tip.textContent = `${bar.label}: ${stateName(bar.status)}, ${duration(bar.e - bar.s)}, from +${duration(bar.s)}`;
    tip.style.left = Math.min(e.offsetX + 14, lanes.clientWidth - 240) + 'px';
    tip.style.top = e.offsetY + 16 + 'px';
  });
  lanes.addEventListener('pointerleave', () => { tip.hidden = true; });
  lanes.addEventListener('click', (e) => {
    const bar = barAt(e);
    if (bar && bar.n >= 0) select(bar.n);
  });
  lanes.addEventListener('wheel', (e) => {
    if (!e.ctrlKey && !e.metaKey && !e.shiftKey) return; // scrolls the page
    e.preventDefault();
    const share = (e.offsetX - left) / Math.max(1, lanes.clientWidth - 2 * left);
    const length = Math.min(data.run.took, Math.max(50, (time.to - time.from) * Math.exp((e.deltaY || e.deltaX) * 0.0015)));
    time.from = Math.min(Math.max(0, time.from + share * (time.to - time.from - length)), data.run.took - length);
    time.to = time.from + length;
    drawLanes();
  }, { passive: false });
  setUpAttempts();
  new ResizeObserver(drawLanes).observe(byId('panel-timeline'));
  listeners.filter.push(drawLanes);
  listeners.select.push(drawLanes);
}

// setUpAttempts lists all bars, for those who do not see them. The table is made
// when it is first opened.
function setUpAttempts() {
  const box = byId('attempts');
  const bars = data.run.lanes.flatMap((lane) => lane.bars.map((bar) => ({ ...bar, builder: lane.builder })));
  bars.sort((a, b) => a.s - b.s || a.label.localeCompare(b.label));
  box.querySelector('summary').textContent = `All ${bars.length} attempts as a table`;
  box.addEventListener('toggle', () => {
    if (!box.open || box.querySelector('table')) return;
    const row = (b) => make('tr', {}, make('td', {}, stepCell(b)), make('td', {}, b.builder || 'this machine'),
      ...[b.a, '+' + duration(b.s), duration(b.e - b.s)].map((t) => make('td', { class: 'num' }, String(t))),
      make('td', {}, make('span', { class: 'state', color: stateVar(b.status) }, stateName(b.status))));
    box.append(make('table', {}, make('caption', { class: 'hidden' }, 'Attempts'),
      make('thead', {}, make('tr', {}, ['Step', 'Builder', 'Attempt', 'Started', 'Took', 'Outcome'].map((t) => make('th', { scope: 'col' }, t)))),
      make('tbody', {}, bars.map(row))));
  });
}

const stepCell = (s) => (s.n >= 0
  ? make('button', { type: 'button', class: 'open', onclick: () => select(s.n, { focus: true }) }, s.label)
  : s.label);

// timesTable lists steps with a bar for their share of the longest.
function timesTable(list, caption) {
  const most = Math.max(...list.map((s) => s.ms), 1);
  return make('table', {}, make('caption', { class: 'hidden' }, caption),
    make('thead', {}, make('tr', {}, ['Step', 'Status', 'Started', 'Took', 'Share'].map((t) => make('th', { scope: 'col' }, make('span', { class: t === 'Share' ? 'hidden' : 'pad' }, t))))),
    make('tbody', {}, list.map((s) => {
      const bar = make('i', { class: 'share', color: stateVar(s.status) });
      bar.style.width = `${100 * s.ms / most}%`;
      return make('tr', {}, make('td', {}, stepCell(s)),
        make('td', {}, make('span', { class: 'state', color: stateVar(s.status) }, stateName(s.status))),
        make('td', { class: 'num' }, '+' + duration(s.s)), make('td', { class: 'num' }, duration(s.ms)), make('td', { class: 'share-cell' }, bar));
    })));
}

function fillTimes() {
  const panel = byId('panel-times');
  if (!panel) return;
  const run = data.run;
  const failures = data.nodes.filter((n) => n.run?.error);
  if (failures.length) {
    panel.append(make('h2', {}, `Failures (${failures.length})`), ...failures.map((n) => make('div', { class: 'failure' },
      make('button', { type: 'button', class: 'open', onclick: () => select(n.i, { focus: true }) }, label(n)),
      make('pre', { tabindex: '0', role: 'region', 'aria-label': 'Failure of ' + label(n) }, [n.run.excerpt, n.run.error].filter(Boolean).join('\n\n')))));
  }
  for (const n of data.packages) {
    for (const s of n.steps ?? []) {
      if (s.run?.error) panel.append(make('div', { class: 'failure' }, make('strong', {}, `${n.name}: ${s.label}`), make('pre', {}, s.run.error)));
    }
  }
  if (run.critical.length) {
    const total = run.critical.reduce((sum, s) => sum + s.ms, 0);
    panel.append(make('h2', {}, `Critical path: ${duration(total)} of ${duration(run.took)}`), timesTable(run.critical, 'Critical path'));
  }
  if (run.slowest.length) panel.append(make('h2', {}, 'Slowest'), timesTable(run.slowest, 'Slowest steps'));
  if (run.retries.length) {
    panel.append(make('h2', {}, `Retries (${run.retries.length})`), make('ul', {}, run.retries.map((r) => make('li', {}, stepCell({ ...r, n: r.n }),
      ` attempt ${r.attempt}${r.builder ? ' on ' + r.builder : ''}: `, make('code', {}, r.error)))));
  }
  const share = run.instructions ? Math.round(100 * run.cached / run.instructions) : 0;
  panel.append(make('h2', {}, 'Cache'), make('p', {}, `${run.reused} nodes reused without a build. Of ${run.instructions} instructions in builds, ${run.cached} came from the builders' cache (${share}%).`));
  if (run.warnings?.length) panel.append(make('h2', {}, 'Warnings'), make('ul', {}, run.warnings.map((w) => make('li', {}, w))));
}
