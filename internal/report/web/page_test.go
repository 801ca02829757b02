package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// clickNode clicks on a node in the graph, where the page says it is.
func (b *browser) clickNode(id string) {
	b.Helper()
	at := eval[[]float64](b, `(() => { const n = data.nodes.find((n) => n.id === '`+id+`'); const r = canvas.getBoundingClientRect();
		return [r.x + view.x + (n.x + 60) * view.scale, r.y + view.y + (n.y + 20) * view.scale]; })()`)
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

func TestPlanPage(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.shot("plan-light")
	b.axe()
	b.theme("dark")
	b.shot("plan-dark")
	b.axe()

	b.clickNode(`service["billing"]:linux/amd64`)
	b.wait(`document.querySelector('#details h2')?.textContent === 'service["billing"]'`)
	b.wait(`document.querySelector('#details').textContent.includes('Made with')`)
	b.wait(`view.x + (data.nodes[selected].x + card.w) * view.scale <= canvas.clientWidth`)
	b.shot("plan-details-dark")
	b.axe()
	b.theme("light")
	b.shot("plan-details-light")
	b.axe()
	b.click(`#details ul .open`)
	b.wait(`document.activeElement.id === 'details' && document.querySelector('#details h2').textContent !== 'service["billing"]'`)
	b.key(kb.Escape)
	b.wait(`document.querySelector('#details').hidden`)
	b.quiet()
}

// TestNodeDetails: a click on a node tells what it is made of and with, why it
// is built, what hangs on it, and how long it takes and took.
func TestNodeDetails(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.clickNode("runtime:linux/amd64")
	b.wait(`document.querySelector('#details h2')?.textContent === 'runtime'`)
	for _, want := range []string{"inputs changed", "file runtime/main.go", "arg VERSION", "Expected to take", "33s, failed", "Made with (", "Used by (", "Inputs (31)", "push to ghcr.io/acme/runtime"} {
		if text := eval[string](b, `document.querySelector('#details').textContent`); !strings.Contains(text, want) {
			t.Errorf("%q is not in the details: %s", want, text)
		}
	}
	b.script(`[...document.querySelectorAll('#details details')].find((d) => d.textContent.startsWith('file')).open = true`)
	b.wait(`document.querySelector('#details').textContent.includes('runtime/src/file_29.go 0c0c0c0c0c0c')`)
	used := eval[string](b, `(() => { const h = [...document.querySelectorAll('#details h3')].find((h) => h.textContent.startsWith('Used by')); return h.nextElementSibling.querySelector('.open').textContent; })()`)
	b.script(`[...document.querySelectorAll('#details h3')].find((h) => h.textContent.startsWith('Used by')).nextElementSibling.querySelector('.open').click()`)
	b.wait(fmt.Sprintf(`%q.startsWith(document.querySelector('#details h2').textContent)`, used))
	b.quiet()
}

// mouse is what a mouse does at a place in the graph.
func (b *browser) mouse(kind input.DispatchMouseEventType, x, y, wheel float64) {
	b.Helper()
	at := eval[[]float64](b, `(() => { const r = canvas.getBoundingClientRect(); return [r.x, r.y]; })()`)
	event := input.DispatchMouseEventParams{Type: kind, X: at[0] + x, Y: at[1] + y, DeltaY: wheel, DeltaX: 0.01} // 0 is left out
	if kind != input.DispatchMouseEventTypeMouseWheel {
		event.Button, event.Buttons, event.ClickCount = input.MouseButtonLeft, 1, 1
	}
	b.call(chromedp.Call(b.ctx, input.DispatchMouseEvent, event))
}

// TestPanAndZoom: the graph follows the pointer, and the wheel enlarges what is
// under it.
func TestPanAndZoom(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.wait(`map.style.visibility === 'hidden'`) // all is in view
	b.script(`zoom(2)`)
	b.wait(`map.style.visibility === 'visible'`)
	before := eval[[]float64](b, `[view.x, view.y, view.scale]`)
	b.mouse(input.DispatchMouseEventTypeMousePressed, 300, 200, 0)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, 340, 230, 0)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, 380, 260, 0)
	b.mouse(input.DispatchMouseEventTypeMouseReleased, 380, 260, 0)
	b.wait(fmt.Sprintf(`Math.abs(view.x - %v) < 1 && Math.abs(view.y - %v) < 1`, before[0]+80, before[1]+60))
	if selected := eval[int](b, `selected`); selected >= 0 {
		t.Error("dragging has selected a node")
	}
	under := eval[float64](b, `(300 - view.x) / view.scale`)
	b.mouse(input.DispatchMouseEventTypeMouseWheel, 300, 200, -240)
	b.wait(fmt.Sprintf(`view.scale > %v && Math.abs((300 - view.x) / view.scale - %v) < 1`, before[2]*1.2, under))
	b.quiet()
}

func TestSearchAndFilters(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.key("/")
	b.write("#search", "toolchain amd64")
	b.wait(`document.querySelector('#count').textContent === '1 of 40 nodes'`)
	b.key(kb.Enter)
	b.wait(`document.querySelector('#details h2')?.textContent === 'toolchain'`)
	b.script(`document.querySelector("#search").value = ""`)
	b.write("#search", " ")
	b.wait(`document.querySelector('#count').textContent === '40 nodes'`)
	b.click(`input[data-filter=platform][value="linux/arm64"]`)
	b.wait(`document.querySelector('#count').textContent === '20 of 40 nodes'`)
	b.click(`input[data-filter=reason][value=inputs_changed]`)
	b.wait(`data.nodes.filter((n) => n.shown).length > 0 && data.nodes.every((n) => n.shown === (n.reason === 'inputs_changed' && n.platform === 'linux/arm64'))`)
	b.click(`input[data-filter=reason][value=inputs_changed]`)
	b.click(`input[data-filter=state][value=build]`)
	b.click("#tab-list")
	b.wait(`document.querySelectorAll('#table tbody tr').length === data.nodes.filter((n) => n.platform === 'linux/arm64' && n.state === 'build').length`)
	b.click(`#table th:nth-child(6) button`)
	b.wait(`document.querySelector('#table th:nth-child(6)').getAttribute('aria-sort') === 'ascending'`)
	b.shot("plan-list")
	b.axe()
	b.click("#tab-remarks")
	b.wait(`document.querySelector('#panel-remarks').textContent.includes('alpine:3.20 is not locked')`)
	b.axe()
	b.quiet()
}

// TestKeyboard: everything can be reached without a pointer.
func TestKeyboard(t *testing.T) {
	b := open(t, planPage(t, 20))
	b.focus("#canvas")
	b.key(kb.ArrowRight)
	b.wait(`selected >= 0 && document.querySelector('#spoken').textContent.includes(data.nodes[selected].pkg.name)`)
	b.script(`select(data.nodes.findIndex((n) => n.id === 'runtime:linux/amd64'))`)
	b.focus("#canvas")
	b.key(kb.ArrowLeft)
	b.wait(`data.nodes.find((n) => n.id === 'runtime:linux/amd64').needs.includes(selected)`)
	b.key(kb.Enter)
	b.wait(`document.activeElement.id === 'details'`)
	b.key(kb.Escape)
	b.wait(`document.activeElement.id === 'canvas'`)
	b.key("0")
	before := fmt.Sprint(eval[float64](b, `view.scale`))
	b.key("+")
	b.wait(`view.scale > ` + before)
	b.key("0")
	b.wait(`Math.abs(view.scale - ` + before + `) < 0.001`)
	b.focus("#tab-graph")
	b.key(kb.ArrowRight)
	b.wait(`document.activeElement.id === 'tab-list' && !document.querySelector('#panel-list').hidden`)
	b.quiet()
}

func TestRunPage(t *testing.T) {
	b := open(t, runPage(t, 20))
	b.shot("run-light")
	b.axe()
	b.click("#tab-timeline")
	b.wait(`time.hits.length > 10`)
	b.shot("run-timeline-light")
	b.axe()
	at := eval[[]float64](b, `(() => { const [x1, y1] = time.hits.find(([, , , , bar]) => bar.n >= 0); const r = lanes.getBoundingClientRect();
		return [r.x + x1 + 1, r.y + y1 + 5]; })()`)
	b.do(chromedp.MouseClickXY(at[0], at[1]))
	b.wait(`!document.querySelector('#details').hidden`)
	b.click("#attempts summary")
	b.wait(`document.querySelectorAll('#attempts tbody tr').length === data.run.lanes.reduce((sum, l) => sum + l.bars.length, 0)`)
	b.wait(`document.querySelector('#attempts').textContent.includes('push runtime')`)
	b.wait(`[...document.querySelectorAll('#attempts tr')].filter((r) => r.textContent.includes('runtime') && r.textContent.includes('linux/arm64')).length === 2`)
	b.theme("dark")
	b.shot("run-timeline-dark")
	b.axe()
	b.click("#tab-times")
	b.wait(`document.querySelector('#panel-times').textContent.includes('exit code 2')`)
	b.wait(`document.querySelector('#panel-times').textContent.includes('connection to the builder was lost')`)
	for _, table := range []struct{ caption, list string }{{"Critical path", "critical"}, {"Slowest steps", "slowest"}} {
		rows := `[...document.querySelectorAll('#panel-times table')].find((t) => t.caption.textContent === '` + table.caption + `').tBodies[0].rows`
		b.wait(`data.run.` + table.list + `.length > 1 && [...` + rows + `].map((r) => r.cells[0].textContent).join() === data.run.` + table.list + `.map((s) => s.label).join()`)
	}
	b.wait(`data.run.slowest.every((s, i, all) => i === 0 || s.ms <= all[i - 1].ms)`)
	b.wait(`data.run.critical.every((s, i, all) => i === 0 || s.s >= all[i - 1].s + all[i - 1].ms)`)
	b.wait(`document.querySelector('#panel-times').textContent.includes("came from the builders' cache (60%)")`)
	b.shot("run-times-dark")
	b.axe()
	b.click(`.failure .open`)
	b.wait(`document.querySelector('#details pre').textContent.includes('>>> RUN make')`)
	b.wait(`[...document.querySelectorAll('#details pre')].some((p) => p.textContent.includes('compiling </script><img'))`)
	b.theme("light")
	b.shot("run-failure-light")
	b.axe()
	b.quiet()
}

// TestNarrowPage: on a phone nothing is wider than the screen, and the graph is
// all there, also when the window was wider before.
func TestNarrowPage(t *testing.T) {
	b := open(t, runPage(t, 20))
	wide := eval[float64](b, `view.scale`)
	b.call(chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 1}))
	b.wait(fmt.Sprintf(`view.w < 390 && view.scale < %v`, wide))
	b.shot("run-narrow-light")
	if got := eval[float64](b, `document.documentElement.scrollWidth`); got > 390 {
		t.Errorf("the page is %v wide", got)
	}
	if got := eval[float64](b, `view.x + bounds.w * view.scale - view.w`); got > 0 {
		t.Errorf("the graph goes %v beyond its edge", got)
	}
	b.axe()
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
	b.script(`zoom(3.2)`)
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
