const canvas = byId('canvas');
const map = byId('map');
const view = { x: 0, y: 0, scale: 1, w: 0, h: 0, fitted: true };
const shade = { side: 14, top: 46, bottom: 18 }; // of columns, around their cards
const gap = { row: 16, column: 20 }; // between cards of a layer
const bounds = { w: card.w, h: card.h };
let colors = {};
let hovered = -1;
let near = null; // what hangs together with the selected node
let asked = false;

// readColors takes the page's colours, which depend on the theme.
function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = ['--ground', '--surface', '--raised', '--line', '--text', '--faint', '--accent', '--grid', '--edge', '--edge-strong',
    '--build', '--reuse', '--pull', '--good', '--bad', '--warn', '--sans'];
  colors = Object.fromEntries(names.map((n) => [n, style.getPropertyValue(n).trim()]));
  redraw();
}

// redraw draws once in the next frame, however often it is asked.
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    drawGraph();
    drawMap();
  });
}

// context makes a canvas as fine as the screen.
function context(el) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: w, clientHeight: h } = el;
  if (el.width !== Math.round(w * ratio) || el.height !== Math.round(h * ratio)) {
    el.width = Math.round(w * ratio);
    el.height = Math.round(h * ratio);
  }
  const c = el.getContext('2d');
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, w, h);
  return c;
}

const visible = (x, y, w, h) => {
  const left = -view.x / view.scale, top = -view.y / view.scale;
  return x < left + view.w / view.scale && x + w > left && y < top + view.h / view.scale && y + h > top;
};
const lit = (n) => n.shown && (!near || near.has(n.i));

function drawGraph() {
  view.w = canvas.clientWidth;
  view.h = canvas.clientHeight;
  if (!view.w) return;
  const c = context(canvas);
  c.translate(view.x, view.y);
  c.scale(view.scale, view.scale);
  drawLayers(c);
  drawEdges(c);
  for (const n of data.nodes) {
    if (n.i !== selected && visible(n.x, n.y, card.w, card.h)) drawNode(c, n);
  }
  if (selected >= 0) drawNode(c, data.nodes[selected]);
}

// drawLayers shades the columns.
function drawLayers(c) {
  if (data.layers.length < 2) return;
  c.fillStyle = colors['--grid'];
  c.globalAlpha = 0.55;
  for (const l of data.layers) {
    c.beginPath();
    c.roundRect(l.x - shade.side, -shade.top, l.w + 2 * shade.side, bounds.graph + shade.top + shade.bottom, 14);
    c.fill();
  }
  c.globalAlpha = 1;
  if (view.scale < 0.22) return;
  c.fillStyle = colors['--faint'];
  c.font = `600 13px ${colors['--sans']}`;
  for (const [i, l] of data.layers.entries()) c.fillText(`${i + 1}`, l.x, -22);
}

// drawEdges draws edges of one look in one path, which is what makes very many
// of them quick.
function drawEdges(c) {
  const looks = { plain: [], weak: [], dim: [], strong: [], path: [] };
  for (const e of data.edges) {
    const f = data.nodes[e.f], t = data.nodes[e.t];
    const x = Math.min(f.x, t.x), y = Math.min(f.y, t.y);
    if (!visible(x, y, Math.abs(f.x - t.x) + card.w, Math.abs(f.y - t.y) + card.h)) continue;
    if (!lit(f) || !lit(t)) looks.dim.push(f, t);
    else if (pathEdges.has(e)) looks.path.push(f, t);
    else if (near) looks.strong.push(f, t);
    else (e.w ? looks.weak : looks.plain).push(f, t);
  }
  const thin = Math.max(1, 0.7 / view.scale);
  const draw = (list, color, alpha, width) => {
    c.strokeStyle = color;
    c.globalAlpha = alpha;
    c.lineWidth = width;
    c.beginPath();
    for (let i = 0; i < list.length; i += 2) curve(c, list[i], list[i + 1]);
    c.stroke();
  };
  const many = data.edges.length > 1500;
  draw(looks.dim, colors['--edge'], 0.12, thin);
  draw(looks.weak, colors['--edge'], many ? 0.25 : 0.4, thin);
  draw(looks.plain, colors['--edge'], many ? 0.55 : 0.9, thin * 1.3);
  draw(looks.strong, colors['--edge-strong'], 0.9, thin * 1.8);
  draw(looks.path, colors['--accent'], 1, thin * 2.6);
  c.globalAlpha = 1;
}

// curve goes from a card to one in a later layer. Where other cards of either
// layer are in between it passes in the gap next to their row.
function curve(c, f, t) {
  const middle = card.h / 2, beside = (n, below) => n.y + (below ? card.h + gap.row / 2 : -gap.row / 2);
  const down = t.y >= f.y;
  let x1 = f.x + card.w, y1 = f.y + middle, x2 = t.x, y2 = t.y + middle;
  c.moveTo(x1, y1);
  if (f.end > x1) {
    y1 = beside(f, down);
    c.bezierCurveTo(x1 + gap.column * 0.7, f.y + middle, x1 + gap.column * 0.3, y1, x1 + gap.column, y1);
    x1 = f.end;
    c.lineTo(x1, y1);
  }
  if (t.begin < x2) [x2, y2] = [t.begin, beside(t, !down)];
  const bend = Math.max(40, Math.min(Math.abs(x2 - x1) / 2, 160));
  c.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
  if (x2 === t.x) return;
  c.lineTo(t.x - gap.column, y2);
  c.bezierCurveTo(t.x - gap.column * 0.3, y2, t.x - gap.column * 0.7, t.y + middle, t.x, t.y + middle);
}

// drawMap draws all of the graph in small, where the view has a part of it.
function drawMap() {
  map.hidden = view.x >= 0 && view.y >= 0 && view.x + bounds.w * view.scale <= view.w && view.y + bounds.h * view.scale <= view.h;
  if (!map.clientWidth) return;
  const c = context(map);
  const k = mapScale();
  for (const n of data.nodes) {
    c.globalAlpha = lit(n) ? 1 : 0.2;
    c.fillStyle = colors[stateVar(n.state)];
    c.fillRect(k.x + n.x * k.s, k.y + n.y * k.s, Math.max(2, card.w * k.s), Math.max(1.5, card.h * k.s));
  }
  c.globalAlpha = 1;
  c.strokeStyle = colors['--accent'];
  c.lineWidth = 1.5;
  const x = Math.max(1, k.x - view.x / view.scale * k.s), y = Math.max(1, k.y - view.y / view.scale * k.s);
  c.strokeRect(x, y, Math.min(198 - x, view.w / view.scale * k.s), Math.min(118 - y, view.h / view.scale * k.s));
}

function mapScale() {
  const s = Math.min(188 / bounds.w, 108 / bounds.h, 0.2);
  return { s, x: (200 - bounds.w * s) / 2, y: (120 - bounds.h * s) / 2 };
}

function zoom(factor, x = view.w / 2, y = view.h / 2) {
  const scale = Math.min(2.5, Math.max(minScale(), view.scale * factor));
  view.fitted = false;
  view.x = x - (x - view.x) * scale / view.scale;
  view.y = y - (y - view.y) * scale / view.scale;
  view.scale = scale;
  redraw();
}

const minScale = () => Math.min(0.3, 0.6 * Math.min(view.w / bounds.w, view.h / bounds.h));

// fit shows everything, but nothing larger than it is.
function fit() {
  const layered = data.layers.length > 1;
  const side = layered ? shade.side : 0, top = layered ? shade.top : 0, bottom = layered ? shade.bottom : 0;
  view.w = canvas.clientWidth;
  view.h = canvas.clientHeight;
  const w = bounds.w + 2 * side, h = bounds.h + top + bottom;
  view.scale = Math.min(1.1, (view.w - 24) / w, (view.h - 24) / h);
  view.x = (view.w - w * view.scale) / 2 + side * view.scale;
  view.y = (view.h - h * view.scale) / 2 + top * view.scale;
  view.fitted = true;
  redraw();
}

function center(n) {
  view.fitted = false;
  view.scale = Math.max(view.scale, 0.75);
  view.x = view.w / 2 - (n.x + card.w / 2) * view.scale;
  view.y = view.h / 2 - (n.y + card.h / 2) * view.scale;
  redraw();
}

// keepVisible moves the view if a node is out of it.
function keepVisible(n) {
  const x = view.x + n.x * view.scale, y = view.y + n.y * view.scale;
  const right = canvas.clientWidth - 20 - card.w * view.scale, bottom = canvas.clientHeight - 20 - card.h * view.scale;
  view.x += Math.max(20 - x, 0) + Math.min(right - x, 0);
  view.y += Math.max(20 - y, 0) + Math.min(bottom - y, 0);
  redraw();
}

function nodeAt(x, y) {
  const gx = (x - view.x) / view.scale, gy = (y - view.y) / view.scale;
  return data.nodes.findLastIndex((n) => n.shown && gx >= n.x && gx <= n.x + card.w && gy >= n.y && gy <= n.y + card.h);
}

// step finds the node that an arrow key leads to.
function step(key) {
  const n = data.nodes[selected];
  if (!n) return data.nodes.findIndex((m) => m.shown);
  const nearest = (list) => list.filter((i) => data.nodes[i].shown)
    .sort((a, b) => Math.abs(data.nodes[a].y - n.y) - Math.abs(data.nodes[b].y - n.y))[0];
  if (key === 'ArrowLeft') return nearest(n.needs);
  if (key === 'ArrowRight') return nearest(n.users);
  const sign = key === 'ArrowUp' ? -1 : 1;
  return data.nodes.filter((m) => m.shown && m.x === n.x && (m.y - n.y) * sign > 0)
    .sort((a, b) => (a.y - b.y) * sign)[0]?.i;
}

function graphKey(e) {
  if (e.key.startsWith('Arrow')) {
    const next = step(e.key);
    if (next !== undefined && next >= 0) select(next, { center: true });
    else byId('spoken').textContent = 'No node there.';
  } else if (e.key === 'Enter' && selected >= 0) select(selected, { focus: true });
  else if (e.key === '+' || e.key === '=') zoom(1.25);
  else if (e.key === '-') zoom(0.8);
  else if (e.key === '0') fit();
  else return;
  e.preventDefault();
}

function setUpPointer() {
  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener('pointerdown', (e) => {
    pointers.set(e.pointerId, e);
    moved = 0;
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener('pointermove', (e) => {
    const before = pointers.get(e.pointerId);
    if (!before) {
      const over = nodeAt(e.offsetX, e.offsetY);
      canvas.classList.toggle('over', over >= 0);
      if (over !== hovered) {
        hovered = over;
        redraw();
      }
      return;
    }
    if (pointers.size === 2) {
      const other = [...pointers.values()].find((p) => p.pointerId !== e.pointerId);
      const far = (p) => Math.hypot(p.offsetX - other.offsetX, p.offsetY - other.offsetY);
      zoom(far(e) / Math.max(1, far(before)), (e.offsetX + other.offsetX) / 2, (e.offsetY + other.offsetY) / 2);
    } else {
      view.fitted = false;
      view.x += e.offsetX - before.offsetX;
      view.y += e.offsetY - before.offsetY;
      redraw();
    }
    moved += Math.hypot(e.offsetX - before.offsetX, e.offsetY - before.offsetY);
    canvas.classList.toggle('dragging', moved > 4);
    pointers.set(e.pointerId, e);
  });
  const up = (e) => {
    if (pointers.delete(e.pointerId) && e.type === 'pointerup' && moved <= 4) select(nodeAt(e.offsetX, e.offsetY));
    canvas.classList.remove('dragging');
  };
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', up);
  canvas.addEventListener('wheel', (e) => {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), e.offsetX, e.offsetY);
  }, { passive: false });
  const travel = (e) => {
    if (e.type === 'pointermove' && !e.buttons) return;
    const k = mapScale();
    view.fitted = false;
    view.x = view.w / 2 - (e.offsetX - k.x) / k.s * view.scale;
    view.y = view.h / 2 - (e.offsetY - k.y) / k.s * view.scale;
    redraw();
  };
  map.addEventListener('pointerdown', travel);
  map.addEventListener('pointermove', travel);
}

function setUpGraph() {
  for (const n of data.nodes) {
    bounds.w = Math.max(bounds.w, n.x + card.w);
    bounds.h = Math.max(bounds.h, n.y + card.h);
    if (!n.needs.length && !n.users.length) continue;
    bounds.graph = Math.max(bounds.graph ?? 0, n.y + card.h);
    const layer = data.layers.findLast((l) => l.x <= n.x);
    [n.begin, n.end] = [layer.x, layer.x + layer.w];
  }
  bounds.graph ??= bounds.h;
  const kinds = [...new Set(data.nodes.map((n) => n.state))].sort((a, b) => Object.keys(states).indexOf(a) - Object.keys(states).indexOf(b));
  byId('legend').append(...kinds.map((s) => make('li', {}, make('i', { color: stateVar(s) }), stateName(s))),
    ...(data.nodes.some((n) => n.crit) ? [make('li', {}, make('i', { class: 'path' }), 'critical path')] : []));
  setUpPointer();
  canvas.addEventListener('keydown', graphKey);
  byId('zoom-in').addEventListener('click', () => zoom(1.3));
  byId('zoom-out').addEventListener('click', () => zoom(1 / 1.3));
  byId('zoom-fit').addEventListener('click', fit);
  let size = ''; // the window's
  new ResizeObserver(() => {
    if (!canvas.clientWidth) return;
    const now = `${window.innerWidth}x${window.innerHeight}`;
    if (view.fitted || size !== now) fit(); // so it does where details take room
    size = now;
    redraw();
  }).observe(canvas);
  listeners.filter.push(redraw);
  listeners.select.push(({ center: wish } = {}) => {
    const n = data.nodes[selected];
    near = n ? new Set([...closure(selected, 'needs'), ...closure(selected, 'users')]) : null;
    if (n && wish) center(n);
    else if (n) requestAnimationFrame(() => keepVisible(n)); // when there is room for details
    if (n) byId('spoken').textContent = `${label(n)}, ${stateName(n.state)}${n.reason ? ', ' + n.reason.replaceAll('_', ' ') : ''}, made with ${n.needs.length}, used by ${n.users.length}`;
    redraw();
  });
}
