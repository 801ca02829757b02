package fleet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/testenv"
	"github.com/stowage-build/stowage/schema"
)

// farm is an embedded builder that listens at a port of 127.0.0.1 and of
// 127.0.0.2 too, and a host name whose addresses are set.
type farm struct {
	opts      Options
	port      string
	addresses []string // none: the name is not known
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	f := &farm{opts: embeddedOptions(t)}
	proxy := testenv.NewProxy(t, "unix", strings.TrimPrefix(start(t, f.opts), "unix://"))
	var err error
	if _, f.port, err = net.SplitHostPort(strings.TrimPrefix(proxy.Endpoint, "tcp://")); err != nil {
		t.Fatal(err)
	}
	f.opts.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
		if len(f.addresses) == 0 {
			return nil, errors.New("no such host")
		}
		return resolver(map[string][]string{"farm.example": f.addresses})(ctx, host)
	}
	return f
}

func (f *farm) declare() *schema.Builder {
	return &schema.Builder{Name: "farm", Endpoint: "tcp://farm.example:" + f.port, Slots: 2}
}

// search looks for builders and returns the names of those that were found, with
// a ! after those that are lost.
func search(t *testing.T, f *Fleet) string {
	t.Helper()
	ports, err := f.Finder().Find(t.Context())
	var out []string
	for _, p := range ports {
		if p.Lost != nil {
			p.Name += "!"
		}
		out = append(out, p.Name)
	}
	if err != nil {
		out = append(out, err.Error())
	}
	return strings.Join(out, ", ")
}

// TestFind: builders that come to a name later are found, once each, and build;
// one that was there under the name alone is not another one.
func TestFind(t *testing.T) {
	f := newFarm(t)
	f.addresses = []string{"127.0.0.1"}
	f.opts.Endpoints = at(t, "tcp://farm.example:"+f.port)
	f.opts.Endpoints[0].Address = strings.Replace(f.opts.Endpoints[0].Address, "farm.example", "localhost", 1)
	f.opts.Resolve = func(ctx context.Context, _ string) ([]netip.Addr, error) {
		return resolver(map[string][]string{"farm.example": f.addresses})(ctx, "farm.example")
	}
	fleet := open(t, f.opts)
	name := f.opts.Endpoints[0].Address
	if got := search(t, fleet); got != "" {
		t.Errorf("with nothing new %q is found", got)
	}
	f.addresses = []string{"127.0.0.1", "127.0.0.77"}
	if got := search(t, fleet); got != name+"/127.0.0.77!" {
		t.Errorf("found %q", got)
	}
	if got := search(t, fleet); got != "" {
		t.Errorf("found %q again", got)
	}
	if got := len(fleet.Ports()); got != 2 {
		t.Errorf("the fleet has %d builders", got)
	}
	if open(t, Options{Declared: nil, Endpoints: at(t, start(t, f.opts))}).Finder() != nil {
		t.Error("a fleet of one socket looks for more")
	}
}

// TestNotFoundAtFirst: an endpoint whose builders cannot be found is one that is
// down, as long as another answers; when they are found they are used.
func TestNotFoundAtFirst(t *testing.T) {
	for name, c := range map[string]struct {
		addresses []string
		found     string
	}{
		"one":     {[]string{"127.0.0.1"}, ""},
		"several": {[]string{"127.0.0.1", "127.0.0.77"}, "farm/127.0.0.1, farm/127.0.0.77!"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(t)
			f.opts.Declared = []*schema.Builder{f.declare()}
			if _, err := Open(t.Context(), f.opts); err == nil || !strings.Contains(err.Error(), "find the builders at tcp://farm.example:"+f.port+": no such host; see that the name is right") {
				t.Errorf("alone it gives %v", err)
			}
			f.opts.Declared = append(f.opts.Declared, &schema.Builder{Name: "well", Endpoint: start(t, f.opts), Slots: 1})
			if len(c.addresses) == 1 { // it is connected to by its name
				f.opts.Declared[0].Endpoint = "tcp://localhost:" + f.port
				f.opts.Resolve = func(ctx context.Context, _ string) ([]netip.Addr, error) {
					if len(f.addresses) == 0 {
						return nil, errors.New("no such host")
					}
					return []netip.Addr{netip.MustParseAddr(f.addresses[0])}, nil
				}
			}
			fleet := open(t, f.opts)
			ports := fleet.Ports()
			if len(ports) != 2 || !executor.Lost(ports[0].Lost) || ports[1].Lost != nil {
				t.Fatalf("ports are %+v", ports)
			}
			if got := search(t, fleet); got != "" {
				t.Errorf("found %q", got)
			}
			ping := func() error {
				_, err := ports[0].Builder.(executor.Pinger).Ping(t.Context())
				return err
			}
			if err := ping(); !executor.Lost(err) {
				t.Errorf("to a ping before: %v", err)
			}
			f.addresses = c.addresses
			if got := search(t, fleet); got != c.found {
				t.Errorf("found %q, want %q", got, c.found)
			}
			switch err := ping(); {
			case c.found == "" && err != nil:
				t.Errorf("to a ping afterwards: %v", err)
			case c.found != "" && (executor.Transient(err) || err == nil || !strings.Contains(err.Error(), "in its place there are farm/127.0.0.1, farm/127.0.0.77")):
				t.Errorf("to a ping of what was replaced: %v", err)
			}
		})
	}
}

// TestDeadAddress: of several builders at one endpoint of the command line one
// may be down, and not all.
func TestDeadAddress(t *testing.T) {
	f := newFarm(t)
	f.addresses = []string{"127.0.0.1", "127.0.0.77"}
	f.opts.Endpoints = at(t, "tcp://farm.example:"+f.port)
	ports := open(t, f.opts).Ports()
	if len(ports) != 2 || ports[0].Lost != nil || !executor.Lost(ports[1].Lost) {
		t.Errorf("ports are %+v", ports)
	}
	f.addresses = []string{"127.0.0.77", "127.0.0.78"}
	if _, err := Open(t.Context(), f.opts); err == nil || !strings.Contains(err.Error(), "farm.example") {
		t.Errorf("with none of them the error is %v", err)
	}
	f.opts.Endpoints = append(f.opts.Endpoints, at(t, start(t, f.opts))...)
	if _, err := Open(t.Context(), f.opts); err == nil {
		t.Error("an endpoint of the command line without a builder was put up with")
	}
}

// TestPodsCome: pods that are ready later are found, and kubectl may fail
// meanwhile.
func TestPodsCome(t *testing.T) {
	opts := embeddedOptions(t)
	endpoint := start(t, opts)
	dir := t.TempDir()
	standIn(t, "kubectl", `
test "$1" = get && exec cat `+dir+`/pods
exit 1
`)
	pods := func(names ...string) {
		var items []string
		for _, n := range names {
			items = append(items, `{"metadata":{"name":"`+n+`"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`)
		}
		if err := os.WriteFile(filepath.Join(dir, "pods"), []byte(`{"items":[`+strings.Join(items, ",")+`]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opts.Declared = []*schema.Builder{{Name: "near", Endpoint: endpoint, Slots: 1}, {Name: "pods", Endpoint: "kube-pod://?selector=app=bk", Slots: 3}}
	fleet := open(t, opts)
	if got := search(t, fleet); got != "" {
		t.Errorf("found %q", got)
	}
	pods("bk-0")
	if got := search(t, fleet); got != "pods/bk-0!" {
		t.Errorf("found %q", got)
	}
	pods("bk-0", "bk-1")
	if got := search(t, fleet); got != "pods/bk-1!" {
		t.Errorf("found %q", got)
	}
	if err := os.Remove(filepath.Join(dir, "pods")); err != nil {
		t.Fatal(err)
	}
	if got := search(t, fleet); got != "" {
		t.Errorf("with kubectl failing it is %q", got)
	}
}

// TestExpected: builders that stand for several are looked up, or it is said
// that they are not.
func TestExpected(t *testing.T) {
	opts := Options{
		Resolve:  resolver(map[string][]string{"farm.example": {"10.0.0.1", "10.0.0.2", "10.0.0.3"}}),
		Declared: []*schema.Builder{{Name: "farm", Endpoint: "tcp://farm.example:1", Slots: 4}, {Name: "gone", Endpoint: "tcp://gone.example:1"}, {Name: "near", Endpoint: "unix:///x"}},
	}
	ports, notes := Expected(t.Context(), opts, native, true)
	if len(ports) != 5 || ports[2].Name != "farm/10.0.0.3" || ports[2].Slots != 4 || ports[4].Native != native {
		t.Errorf("ports are %+v", ports)
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "Builder gone stands for several and counts as one: find the builders at tcp://gone.example:1: no such host") {
		t.Errorf("notes are %q", notes)
	}
	ports, notes = Expected(t.Context(), opts, native, false)
	if len(ports) != 3 || len(notes) != 2 || !strings.Contains(notes[0], "Builder farm may stand for several and counts as one") {
		t.Errorf("without a network: %+v, %q", ports, notes)
	}
}
