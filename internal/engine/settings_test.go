package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/cmd/buildkitd/config"
)

func settings(t *testing.T, content string) (*Settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "buildkitd.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadSettings(path)
}

func TestSettings(t *testing.T) {
	s, err := settings(t, `
insecure-entitlements = ["network.host"]
[registry."one.test"]
  mirrors = ["mirror.test/cache", "plain.test"]
  ca = ["ca.pem", "/abs/ca.pem"]
[[registry."one.test".keypair]]
  key = "k.pem"
  cert = "c.pem"
[registry."plain.test"]
  http = true
[dns]
  nameservers = ["10.0.0.1"]
[worker.oci]
  max-parallelism = 2
  gckeepstorage = "1GB"
[[worker.oci.gcpolicy]]
  all = true
  keepBytes = "2MB"
  keepDuration = "48h"
[history]
  maxAge = "2h"
`)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.parse()
	if err != nil {
		t.Fatal(err)
	}
	one := c.Registries["one.test"]
	if one.RootCAs[0] != filepath.Join(s.Dir, "ca.pem") || one.RootCAs[1] != "/abs/ca.pem" || one.KeyPairs[0].Key != filepath.Join(s.Dir, "k.pem") {
		t.Errorf("the registry is %+v", one)
	}
	if got := entitlements(c); len(got) != 1 {
		t.Errorf("entitlements are %q", got)
	}
	if got := dns(c.DNS); got.Nameservers[0] != "10.0.0.1" {
		t.Errorf("dns is %+v", got)
	}
	if got := gcPolicy(t.TempDir(), c.Workers.OCI.GCConfig); len(got) != 1 || got[0].ReservedSpace != 2<<20 || got[0].KeepDuration != 48*time.Hour || !got[0].All {
		t.Errorf("garbage is collected by %+v", got)
	}
	if got := history(c); got.MaxAge.Duration != 2*time.Hour {
		t.Errorf("history is %+v", got)
	}
}

func TestSettingsMistakes(t *testing.T) {
	for content, want := range map[string]string{
		"[worker.oci]\ngc = true\ngcpolicies = 1\n": `line 3: there is no key "worker.oci.gcpolicies"`,
		"a = 1\nb = 2\n":  `line 1: there is no key "a"; line 2: there is no key "b"`,
		"root = \"/x\"\n": "root: the embedded builder decides that itself",
		"[grpc]\naddress = [\"tcp://0.0.0.0:1\"]\n":  "grpc: the embedded builder decides",
		"[worker.oci]\nrootless = true\ngc = true\n": "worker.oci.rootless: the",
		"[worker.containerd]\nenabled = true\n":      "worker.containerd",
		"x = \n":                                     "line 1, column",
		"[worker.oci]\ngckeepstorage = \"much\"":     "much",
	} {
		if _, err := settings(t, content); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "buildkitd.toml") {
			t.Errorf("%q: error is %v, want %q", content, err, want)
		}
	}
	if _, err := LoadSettings(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("error of a missing file is %v", err)
	}
}

// TestNoSettings are the defaults: of BuildKit, with a short memory.
func TestNoSettings(t *testing.T) {
	c, err := (*Settings)(nil).parse()
	if err != nil {
		t.Fatal(err)
	}
	if got := entitlements(c); len(got) != 2 {
		t.Errorf("entitlements are %q", got)
	}
	if got := gcPolicy(t.TempDir(), c.Workers.OCI.GCConfig); len(got) < 2 {
		t.Errorf("garbage is collected by %+v", got)
	}
	no := false
	if got := gcPolicy(t.TempDir(), config.GCConfig{GC: &no}); got != nil {
		t.Errorf("garbage is collected by %+v, want not at all", got)
	}
}

// TestSettingsAndWorkspaces: what a workspace says of a registry goes before
// what the file does, which keeps the rest.
func TestSettingsAndWorkspaces(t *testing.T) {
	s, err := settings(t, "[registry.\"one.test\"]\nmirrors = [\"file.test\"]\n[registry.\"two.test\"]\nhttp = true\n[registry.\"127.0.0.1:1\"]\nca = [\"none.pem\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.parse()
	if err != nil {
		t.Fatal(err)
	}
	hosts := hostsOf(c.Registries, map[string]Registry{"one.test": {Mirrors: []string{"workspace.test"}}, "three.test": {}})
	for host, want := range map[string]string{"one.test": "https://workspace.test", "two.test": "http://two.test", "three.test": "https://three.test"} {
		got, err := hosts(host)
		if err != nil || got[0].Scheme+"://"+got[0].Host != want {
			t.Errorf("%s is reached by %+v, %v; want %s", host, got, err, want)
		}
	}
	if _, err := hosts("127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("a certificate that is not there: %v", err)
	}
}

// TestOtherSettings: an engine is started with what is asked for; one that
// runs with something else is waited for, and then it is an error.
func TestOtherSettings(t *testing.T) {
	one, err := settings(t, "[dns]\nnameservers = [\"10.0.0.1\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Root: t.TempDir(), Settings: one}
	if !cfg.hasOtherSettings() {
		t.Error("an engine that was never started has these settings")
	}
	if err := os.WriteFile(cfg.settingsFile(), []byte(one.sum()), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg.hasOtherSettings() {
		t.Error("an engine that was started with these settings has others")
	}
	other := *one
	other.Content = append(other.Content, '#')
	cfg.Settings = &other
	if !cfg.hasOtherSettings() {
		t.Error("an engine that was started with other settings has these")
	}
	if err := cfg.awaitOtherSettings(t.Context()); err != nil {
		t.Errorf("nobody holds the engine: %v", err)
	}
	cfg.Settings = nil
	if cfg.hasOtherSettings() {
		t.Error("whoever wants no settings does not take what runs")
	}
}
