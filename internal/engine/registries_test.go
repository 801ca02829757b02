package engine

import (
	"os"
	"testing"
)

// TestRegistriesAreShared: what a later client says reaches an engine that
// already runs, and a damaged file is no harm.
func TestRegistriesAreShared(t *testing.T) {
	cfg := Config{Root: t.TempDir(), Registries: map[string]Registry{"one.test": {Insecure: true}}}
	running := &registryHosts{root: cfg.Root}
	want := func(host, scheme, at string) {
		t.Helper()
		hosts, err := running.find(host)
		if err != nil || len(hosts) == 0 || hosts[0].Scheme != scheme || hosts[0].Host != at {
			t.Errorf("%s is reached by %+v, %v; want %s://%s", host, hosts, err, scheme, at)
		}
	}
	want("one.test", "https", "one.test")
	share := func(c Config) {
		t.Helper()
		if err := c.shareRegistries(); err != nil {
			t.Fatal(err)
		}
	}
	share(cfg)
	one, err := running.find("one.test")
	if err != nil || one[0].Client == nil {
		t.Fatalf("an insecure registry is reached by %+v, %v", one, err)
	}
	share(Config{Root: cfg.Root, Registries: map[string]Registry{"two.test": {Mirrors: []string{"mirror.test/cache"}}}})
	want("two.test", "https", "mirror.test")
	all, err := readRegistries(cfg.Root)
	if err != nil || len(all) != 2 || !all["one.test"].Insecure {
		t.Errorf("the file has %+v, %v", all, err)
	}
	want("127.0.0.1:5000", "https", "127.0.0.1:5000") // and plain http when that fails
	if err := os.WriteFile(registriesFile(cfg.Root), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("two.test", "https", "two.test")
	share(cfg)
	if all, err := readRegistries(cfg.Root); err != nil || len(all) != 1 {
		t.Errorf("after damage the file has %+v, %v", all, err)
	}
}
