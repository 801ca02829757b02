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

	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/testenv"
	"github.com/stowage-build/stowage/schema"
)

// resolver knows hosts.
func resolver(hosts map[string][]string) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		list, ok := hosts[host]
		if !ok {
			return nil, errors.New("no such host")
		}
		var out []netip.Addr
		for _, a := range list {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}
}

func TestHostsWithAddresses(t *testing.T) {
	resolve := resolver(map[string][]string{
		"farm.example": {"10.0.0.9", "10.0.0.5", "::ffff:10.0.0.9", "fd00::1"},
		"one.example":  {"10.0.0.5", "fd00::5"},
		"six.example":  {"fd00::2", "fd00::1"},
	})
	for endpoint, want := range map[string]string{
		"tcp://farm.example:1234": "farm/10.0.0.5 tcp://10.0.0.5:1234, farm/10.0.0.9 tcp://10.0.0.9:1234",
		"tcp://one.example:1234":  "farm tcp://one.example:1234",
		"tcp://six.example:1":     "farm/fd00::1 tcp://[fd00::1]:1, farm/fd00::2 tcp://[fd00::2]:1",
		"tcp://none.example:1234": "farm tcp://none.example:1234",
		"tcp://10.0.0.5:1234":     "farm tcp://10.0.0.5:1234",
		"tcp://farm.example":      "farm tcp://farm.example",
		"ssh://farm.example:22":   "farm ssh://farm.example:22",
	} {
		opts := Options{Resolve: resolve, Declared: []*schema.Builder{{Name: "farm", Endpoint: endpoint, Slots: 3, TLS: &schema.TLS{}}}}
		var got []string
		for _, m := range opts.discover(t.Context(), opts.members()) {
			got = append(got, m.name+" "+m.endpoint)
			if named := strings.Contains(m.name, "/"); m.slots != 3 || (m.tls.ServerName != "") != named {
				t.Errorf("%s: %+v with %+v", endpoint, m, m.tls)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s is %q, want %q", endpoint, got, want)
		}
	}
}

// TestFarm: builders at the addresses of one name, one of which is down.
func TestFarm(t *testing.T) {
	opts := embeddedOptions(t)
	proxy := testenv.NewProxy(t, "unix", strings.TrimPrefix(start(t, opts), "unix://"))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(proxy.Endpoint, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	opts.Resolve = resolver(map[string][]string{"farm.example": {"127.0.0.1", "127.0.0.77"}})
	opts.Declared = []*schema.Builder{{Name: "farm", Endpoint: "tcp://farm.example:" + port, Platforms: []string{native}, Native: native, Slots: 2}}
	ports := open(t, opts).Ports()
	if len(ports) != 2 || ports[0].Name != "farm/127.0.0.1" || ports[0].Lost != nil || ports[1].Lost == nil || ports[1].Slots != 2 {
		t.Fatalf("ports are %+v", ports)
	}
	if _, err := ports[0].Builder.Build(t.Context(), request(t, "x"), ignore); err != nil {
		t.Error(err)
	}
}

// standIn is a program of another's name for this test.
func standIn(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestPods(t *testing.T) {
	dir := t.TempDir()
	standIn(t, "kubectl", `
echo "$@" > `+dir+`/args
case "$*" in *none*) echo '{"items":[]}'; exit;; *bad*) echo "namespaces bad not found" >&2; exit 1;; esac
cat <<'END'
{"items":[
 {"metadata":{"name":"b-1"},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
 {"metadata":{"name":"b-0"},"status":{"conditions":[{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"True"}]}},
 {"metadata":{"name":"starting"},"status":{"conditions":[{"type":"Ready","status":"False"}]}},
 {"metadata":{"name":"going","deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}
]}
END
`)
	discover := func(endpoint string) []member {
		opts := Options{Declared: []*schema.Builder{{Name: "kube", Endpoint: endpoint, Slots: 4}}}
		return opts.discover(t.Context(), opts.members())
	}
	found := discover("kube-pod://?selector=app=buildkitd,tier=ci&namespace=build&context=prod&container=bk")
	if len(found) != 2 || found[0].name != "kube/b-0" || found[0].endpoint != "kube-pod://b-0?container=bk&context=prod&namespace=build" || found[1].slots != 4 {
		t.Errorf("found %+v", found)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil || string(args) != "get pods --selector=app=buildkitd,tier=ci --output=json --context=prod --namespace=build\n" {
		t.Errorf("kubectl was called with %q, %v", args, err)
	}
	if found := discover("kube-pod://one?namespace=build"); len(found) != 1 || found[0].name != "kube" {
		t.Errorf("one pod is %+v", found)
	}
	for endpoint, want := range map[string]string{
		"kube-pod://?selector=app=none":            "no pod that is ready has the labels app=none",
		"kube-pod://?selector=app=x&namespace=bad": "namespaces bad not found",
	} {
		found := discover(endpoint)
		if len(found) != 1 || found[0].err == nil || !strings.Contains(found[0].err.Error(), want) {
			t.Errorf("%s: %+v, want an error with %q", endpoint, found, want)
		}
		opts := Options{Declared: []*schema.Builder{{Name: "kube", Endpoint: endpoint}}}
		if _, err := Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
		if s := States(t.Context(), opts); len(s) != 1 || !strings.Contains(s[0].State, want) {
			t.Errorf("states are %+v", s)
		}
	}
}

// TestCaches: what a builder has built is in its cache until it is pruned.
func TestCaches(t *testing.T) {
	opts := embeddedOptions(t)
	if got, err := Usages(t.Context(), opts, nil); err != nil || len(got) != 0 {
		t.Errorf("stopped, the caches are %+v, %v", got, err)
	}
	endpoint := start(t, opts)
	opts.Declared = []*schema.Builder{
		{Name: "one", Endpoint: endpoint, Slots: 1}, {Name: "gone", Endpoint: closedPort(t), Slots: 1},
	}
	if _, err := open(t, opts).Ports()[0].Builder.Build(t.Context(), request(t, strings.Repeat("x", 5000)), ignore); err != nil {
		t.Fatal(err)
	}
	got, err := Usages(t.Context(), opts, []string{"one"})
	if err != nil || len(got) != 1 || buildkit.Size(got[0].Records) < 5000 {
		t.Errorf("the cache is %+v, %v", got, err)
	}
	if s := States(t.Context(), opts); s[0].Cache != buildkit.Size(got[0].Records) || s[0].Running != 0 || s[0].Slots != 1 || s[1].Cache != -1 {
		t.Errorf("states are %+v", s)
	}
	removed, err := Prune(t.Context(), opts, nil, buildkit.PruneOptions{All: true})
	if err != nil || len(removed) != 2 || len(removed[0].Records) == 0 || removed[1].Error == "" {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if got, err = Usages(t.Context(), opts, []string{"one"}); err != nil || buildkit.Size(got[0].Records) >= 5000 {
		t.Errorf("after that the cache is %+v, %v", got, err)
	}
	if _, err := Usages(t.Context(), opts, []string{"two"}); err == nil || !strings.Contains(err.Error(), `no builder "two"`) {
		t.Errorf("error is %v", err)
	}
}
