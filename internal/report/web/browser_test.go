package web_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/stowage-build/stowage/internal/report/web"
)

var shots = flag.String("shots", "", "write screenshots into this directory")

// browser is one page in headless Chromium.
type browser struct {
	*testing.T
	ctx context.Context
	mu  sync.Mutex
	// complaints are errors, warnings and exceptions of the page, requests what
	// it asked the network for.
	complaints, requests []string
}

// open writes a page and opens it. Chromium is what .ci/setup installs.
func open(t *testing.T, page string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v; .ci/setup installs it", err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1440, 900))
	alloc, stop := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(stop)
	b := &browser{T: t}
	ctx, end := chromedp.NewContext(alloc, chromedp.WithListener(b.listen))
	t.Cleanup(end)
	b.ctx = ctx
	b.call(chromedp.Call(ctx, network.Enable, network.EnableParams{}))
	b.call(chromedp.Call(ctx, log.Enable, cdp.Empty{}))
	b.do(chromedp.Navigate("file://"+(&url.URL{Path: file}).EscapedPath()), chromedp.WaitVisible(chromedp.CSS("[role=tabpanel]:not([hidden])")))
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// call fails the test if a command of the protocol did.
func (b *browser) call(_ cdp.Empty, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) click(selector string) { b.Helper(); b.do(chromedp.Click(chromedp.CSS(selector))) }
func (b *browser) focus(selector string) { b.Helper(); b.do(chromedp.Focus(chromedp.CSS(selector))) }
func (b *browser) key(keys string)       { b.Helper(); b.do(chromedp.KeyEvent(keys)) }
func (b *browser) write(selector, txt string) {
	b.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), txt))
}
func (b *browser) script(text string) { b.Helper(); b.do(chromedp.Evaluate[chromedp.Void](text)) }

// eval returns the value of an expression in the page.
func eval[T any](b *browser, expression string, opts ...chromedp.EvaluateOption) T {
	b.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, opts...))
	if err != nil {
		b.Fatalf("%.200s: %v", expression, err)
	}
	return out
}

// wait waits until an expression is true.
func (b *browser) wait(expression string) {
	b.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
}

// quiet fails the test if the page complained, or asked for anything but
// itself.
func (b *browser) quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		b.Errorf("the page complains: %q", b.complaints)
	}
	if len(b.requests) != 1 {
		b.Errorf("the page asks for %q", b.requests)
	}
}

// violation is what axe-core finds wrong.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML           string `json:"html"`
		FailureSummary string `json:"failureSummary"`
	} `json:"nodes"`
}

// axe fails the test on what axe-core finds wrong for people who use assistive
// technology.
func (b *browser) axe() {
	b.Helper()
	script, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		b.Fatal(err)
	}
	b.script(string(script) + "; undefined")
	for _, v := range eval[[]violation](b, `axe.run().then((r) => r.violations.map((v) => ({id: v.id, help: v.help,
		nodes: v.nodes.map((n) => ({html: n.html, failureSummary: n.failureSummary}))})))`, chromedp.EvalAwaitPromise) {
		b.Errorf("%s: %s", v.ID, v.Help)
		for _, n := range v.Nodes[:min(3, len(v.Nodes))] {
			b.Logf("%s\n%s", n.HTML, n.FailureSummary)
		}
	}
}

// theme asks the page for light or dark.
func (b *browser) theme(name string) {
	b.Helper()
	b.call(chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	}))
	b.wait(`document.documentElement.dataset.theme === '` + name + `'`)
}

// shot writes a screenshot if any are wanted.
func (b *browser) shot(name string) {
	b.Helper()
	if *shots == "" {
		return
	}
	b.do(chromedp.Sleep(300 * time.Millisecond))
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o600); err != nil {
		b.Fatal(err)
	}
}

func planPage(t *testing.T, packages int) string {
	t.Helper()
	out := &strings.Builder{}
	if err := web.Plan(out, newSample(packages), details()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func runPage(t *testing.T, packages int) string {
	t.Helper()
	plan := newSample(packages)
	result, record := ran(t, plan)
	out := &strings.Builder{}
	if err := web.Run(out, plan, result, record, details()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
