package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// mouse sends what a mouse does at a point of the graph.
func (b *browser) mouse(what input.DispatchMouseEventType, x, y float64, opts ...chromedp.MouseOption) {
	b.Helper()
	at := eval[[]float64](b, `(() => { const r = canvas.getBoundingClientRect(); return [r.x, r.y]; })()`)
	b.do(chromedp.MouseEvent(what, at[0]+x, at[1]+y, opts...))
}

// wheel turns a mouse's wheel. The protocol wants both ways.
func wheel(down float64) chromedp.MouseOption {
	return func(p *input.DispatchMouseEventParams) { p.DeltaX, p.DeltaY = 0.1, down }
}

// TestPanAndZoom: the graph follows a pointer that drags it, and grows around
// one whose wheel turns. What is beyond the edges is on the small map.
func TestPanAndZoom(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.wait(`view.w > 0 && map.hidden`)
	before := eval[[]float64](b, `[view.x, view.y, view.scale]`)
	b.mouse(chromedp.MousePressed, 6, 6, chromedp.Button("left"), chromedp.ClickCount(1))
	b.mouse(chromedp.MouseMoved, 206, 36, chromedp.Button("left"), func(p *input.DispatchMouseEventParams) { p.Buttons = 1 })
	b.mouse(chromedp.MouseMoved, 506, 46, chromedp.Button("left"), func(p *input.DispatchMouseEventParams) { p.Buttons = 1 })
	b.mouse(chromedp.MouseReleased, 506, 46, chromedp.Button("left"), chromedp.ClickCount(1))
	b.wait(fmt.Sprintf(`Math.abs(view.x - %v - 500) < 1 && Math.abs(view.y - %v - 40) < 1 && view.scale === %v`, before[0], before[1], before[2]))
	b.wait(`selected === -1 && !map.hidden`)

	const under = `[(400 - view.x) / view.scale, (200 - view.y) / view.scale]`
	point := eval[[]float64](b, under)
	b.mouse(chromedp.MouseWheel, 400, 200, wheel(-400))
	b.wait(fmt.Sprintf(`view.scale > 1.5 * %v`, before[2]))
	if now := eval[[]float64](b, under); max(now[0]-point[0], point[0]-now[0], now[1]-point[1], point[1]-now[1]) > 1 {
		t.Errorf("the point under the pointer was %v and is %v", point, now)
	}
	b.mouse(chromedp.MouseWheel, 400, 200, wheel(400))
	b.wait(fmt.Sprintf(`Math.abs(view.scale - %v) < 0.001`, before[2]))
	b.click("#zoom-fit")
	b.wait(fmt.Sprintf(`Math.abs(view.x - %v) < 1 && map.hidden`, before[0]))
	b.quiet()
}

// TestDetails: a click on a node shows what it is made of, what changed, what
// is made with it, and how long that takes.
func TestDetails(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.wait(`view.w > 0`)
	b.clickNode(`runtime:linux/amd64`)
	b.wait(`document.querySelector('#details h2')?.textContent === 'runtime'`)
	section := func(title string) string {
		return eval[string](b, `(() => {
			const head = [...document.querySelectorAll('#details h3')].find((h) => h.textContent.startsWith('`+title+`'));
			let text = head?.textContent + ': ';
			for (let el = head?.nextElementSibling; el && el.tagName !== 'H3'; el = el.nextElementSibling) text += (el.innerText ?? '') + ' ';
			return text.replace(/\s+/g, ' ').trim(); })()`)
	}
	users := eval[[]string](b, `data.nodes.find((n) => n.id === 'runtime:linux/amd64').users.map((i) => label(data.nodes[i]) + ' to build')`)
	want := fmt.Sprintf("Used by (%d):", len(users))
	for _, user := range users {
		want += " " + user
	}
	if got := section("Used by"); len(users) == 0 || got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	const why = "inputs changed The package itself has changed since its last build. file runtime/main.go arg VERSION"
	if got := eval[string](b, `document.querySelector('.why-box').innerText.replace(/\s+/g, ' ').trim()`); got != why {
		t.Errorf("got %q", got)
	}
	b.wait(`/Expected to take ` + "[0-9]" + `/.test(document.querySelector('#details').textContent)`)
	b.wait(`document.querySelectorAll('#details .bars i').length === 7 && document.querySelectorAll('#details .bars i.bad').length === 1`)
	b.wait(`[...document.querySelectorAll('#details ul.tight li')].map((li) => li.lastChild.textContent).join(' ') === '31s 38s 45s 33s, failed 40s'`)
	if got := section("Inputs"); got != "Inputs (31): arg 1 file 30" {
		t.Errorf("got %q", got)
	}
	b.script(`[...document.querySelectorAll('#details details')].forEach((d) => { d.open = true; })`)
	b.wait(`document.querySelectorAll('#details details li').length === 31 && document.querySelector('#details').textContent.includes('runtime/src/file_29.go 0c0c0c0c0c0c')`)
	b.wait(`[...document.querySelectorAll('#details li')].some((li) => li.textContent.includes('push to ghcr.io/acme/runtime'))`)
	b.wait(`view.fitted && data.nodes.every((n) => view.x + (n.x + card.w) * view.scale <= view.w)`) // makes room
	b.script(`[...document.querySelectorAll('#details .open')].find((o) => o.textContent === ` + fmt.Sprintf("%q", strings.TrimSuffix(users[0], " to build")) + `).click()`)
	b.wait(fmt.Sprintf(`label(data.nodes[selected]) + ' to build' === %q && document.querySelector('#details h2').textContent === data.nodes[selected].pkg.name`, users[0]))
	b.quiet()
}

// TestFilterByReason: a chosen reason leaves the nodes that have it.
func TestFilterByReason(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.click(`input[data-filter=reason][value=inputs_changed]`)
	b.wait(`data.nodes.every((n) => n.shown === (n.reason === 'inputs_changed')) && data.nodes.some((n) => n.shown)`)
	b.click(`input[data-filter=reason][value=in_store]`)
	b.wait(`data.nodes.every((n) => n.shown === ['inputs_changed', 'in_store'].includes(n.reason))`)
	b.wait(`document.querySelector('#count').textContent === data.nodes.filter((n) => n.shown).length + ' of 40 nodes'`)
	b.click(`input[data-filter=reason][value=inputs_changed]`)
	b.wait(`data.nodes.every((n) => n.shown === (n.reason === 'in_store'))`)
	b.quiet()
}

// TestCriticalPathIsDrawn: its edges stand out, on every platform.
func TestCriticalPathIsDrawn(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.wait(`pathEdges.size >= data.critical.length - 1 && data.critical.length > 1`)
	b.wait(`[...pathEdges].every((e) => data.nodes[e.f].crit && data.nodes[e.t].crit)`)
	r := open(t, runPage(t, 20))
	r.wait(`pathEdges.size === data.run.critical.filter((c) => c.n >= 0).length - 1 && pathEdges.size > 0`)
}

// TestEdgesGoAroundCards: within the layers where an edge begins and ends it
// touches only its own cards.
func TestEdgesGoAroundCards(t *testing.T) {
	b := open(t, planPage(t, 100))
	b.wait(`view.w > 0 && data.edges.some((e) => data.nodes[e.f].x + card.w < data.nodes[e.f].end) && data.edges.some((e) => data.nodes[e.t].begin < data.nodes[e.t].x)`)
	touched := eval[[]string](b, `(() => {
		const touched = [];
		let at, points;
		const line = (...p) => { // of Bézier points
			for (let i = 0; i <= 40; i++) {
				let on = [at, ...p];
				while (on.length > 1) on = on.slice(1).map(([x, y], k) => [on[k][0] + (x - on[k][0]) * i / 40, on[k][1] + (y - on[k][1]) * i / 40]);
				points.push(on[0]);
			}
			at = p.at(-1);
		};
		const pen = { moveTo: (x, y) => { at = [x, y]; }, lineTo: (x, y) => line([x, y]), bezierCurveTo: (a, b, c, d, e, f) => line([a, b], [c, d], [e, f]) };
		for (const e of data.edges) {
			const f = data.nodes[e.f], t = data.nodes[e.t];
			points = [];
			curve(pen, f, t);
			for (const n of data.nodes) {
				if (n === f || n === t || (n.end !== f.end && n.end !== t.end)) continue;
				if (points.some(([x, y]) => x > n.x + 1 && x < n.x + card.w - 1 && y > n.y + 1 && y < n.y + card.h - 1)) touched.push(f.id + ' → ' + t.id + ' touches ' + n.id);
			}
		}
		return touched;
	})()`)
	if len(touched) > 0 {
		t.Errorf("%d: %s …", len(touched), strings.Join(touched[:min(5, len(touched))], "\n"))
	}
	b.quiet()
}

// TestLargePage: two thousand nodes are all drawn, and found, and the list is
// not made before it is looked at.
func TestLargePage(t *testing.T) {
	b := open(t, planPage(t, 1000))
	b.wait(`document.querySelector('#count').textContent === '2000 nodes'`)
	b.shot("large-light")
	if got := eval[int](b, `document.querySelectorAll('#table tbody tr').length`); got != 0 {
		t.Errorf("%d rows before the list is shown", got)
	}
	b.script(`var drawn = 0; drawNode = ((draw) => (c, n) => { drawn++; draw(c, n); })(drawNode); redraw()`)
	b.wait(`drawn === 2000`)
	if got := eval[float64](b, `(() => { const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
		let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n / (d.length / 4); })()`); got < 0.2 {
		t.Errorf("only %v of the graph is drawn upon", got)
	}
	scale := eval[float64](b, `view.scale`)
	b.mouse(chromedp.MouseWheel, 400, 200, wheel(-900))
	b.wait(fmt.Sprintf(`view.scale > 3 * %v && !map.hidden`, scale))
	b.script(`drawn = 0; redraw()`)
	b.wait(`drawn > 0`)
	if got := eval[int](b, `drawn`); got > 1500 {
		t.Errorf("%d nodes are drawn where only some can be seen", got)
	}
	b.shot("large-zoomed")
	b.write("#search", "package-777 arm64")
	b.key(kb.Enter)
	b.wait(`document.querySelector('#details h2')?.textContent.endsWith('package-777')`)
	b.shot("large-search")
	b.click("#tab-list")
	b.script(`document.querySelector("#search").value = ""`)
	b.write("#search", " ")
	b.wait(`document.querySelectorAll('#table tbody tr').length === 2000`)
	b.quiet()
}
