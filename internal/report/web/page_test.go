package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
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
	b.wait(`document.querySelector('#tab-times').getAttribute('aria-selected') === 'true'`) // it failed
	b.click("#tab-graph")
	b.shot("run-light")
	b.axe()
	b.click("#tab-timeline")
	b.wait(`time.hits.length > 10`)
	b.wait(`time.hits.some((h) => h[4].status === 'retried' && h[4].text === '↻')`)
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
	b.times()
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

// times fails the test if the tables of times are not as the run's data.
func (b *browser) times() {
	b.Helper()
	for caption, list := range map[string]string{"Critical path": "critical", "Slowest steps": "slowest"} {
		b.wait(`(() => { const rows = [...document.querySelectorAll('#panel-times table')].find((t) => t.caption.textContent === '` + caption + `').tBodies[0].rows;
			const list = data.run.` + list + `;
			return list.length > 2 && rows.length === list.length && list.every((s, i) => rows[i].cells[0].textContent === s.label &&
				rows[i].cells[1].textContent === stateName(s.status) && rows[i].cells[3].textContent === duration(s.ms)); })()`)
	}
	b.wait(`data.run.slowest.every((s, i, all) => i === 0 || all[i - 1].ms >= s.ms)`)
	b.wait(`data.run.critical.every((s, i, all) => i === 0 || s.s >= all[i - 1].s + all[i - 1].ms)`)
	b.wait(`document.querySelector('#panel-times').textContent.includes('18 nodes reused without a build. Of 180 instructions in builds, 108 came from the builders\' cache (60%).')`)
	b.wait(`[...document.querySelectorAll('.tile')].some((t) => t.textContent === '60%instructions cached')`)
	b.wait(`document.querySelector('.tile.wide').textContent === 'runtime → auth-lib → gateway → e2e → index e2e → push e2ecritical path on linux/amd64'`)
}

// TestAttempts: all that the timeline draws can be read in a table.
func TestAttempts(t *testing.T) {
	b := open(t, runPage(t, 20))
	b.click("#tab-timeline")
	b.click("#attempts summary")
	b.wait(`document.querySelectorAll('#attempts tbody tr').length === data.run.lanes.reduce((n, l) => n + l.bars.length, 0)`)
	got := eval[[]string](b, `[...document.querySelectorAll('#attempts tbody tr')].map((r) => [...r.cells].map((c) => c.textContent).join(' | '))`)
	for _, want := range []string{
		"runtime linux/arm64 | arm | 1 | +0.0s | 2.0s | tried again", "runtime linux/arm64 | arm | 2 | +4.0s | 1m14s | built",
		"index proto | this machine | 1 | +2m12s | 0.9s | indexed", "push proto | this machine | 1 | +2m13s | 0.9s | pushed",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	b.axe()
	b.shot("run-attempts-light")
	b.click("#attempts tbody .open")
	b.wait(`document.activeElement.id === 'details'`)
	b.quiet()
}

// TestNarrowPage: on a phone nothing is wider than the screen, and the graph is
// all there, also when the window was wider before.
func TestNarrowPage(t *testing.T) {
	b := open(t, runPage(t, 20))
	b.click("#tab-graph")
	b.wait(`view.w > 390`)
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
