package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/gofrs/flock"
	"github.com/moby/buildkit/util/resolver"
	resolverconfig "github.com/moby/buildkit/util/resolver/config"
	"github.com/moby/sys/atomicwriter"
)

// registriesFile says how to reach registries. Every client adds what its
// workspace says, so that an engine which runs already learns of it.
func registriesFile(root string) string { return filepath.Join(root, "registries.json") }

// shareRegistries tells the engine how this client's registries are reached.
// Of two clients that say different things of one host, the later is heard.
func (c Config) shareRegistries() error {
	if len(c.Registries) == 0 {
		return nil
	}
	lock := flock.New(filepath.Join(c.Root, "registries.lock"))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("tell the embedded builder of registries: %w", err)
	}
	defer lock.Close()
	known, err := readRegistries(c.Root)
	if err != nil {
		return fmt.Errorf("tell the embedded builder of registries: %w", err)
	}
	all := maps.Clone(known)
	maps.Copy(all, c.Registries)
	if maps.EqualFunc(all, known, Registry.equal) {
		return nil
	}
	content, err := json.Marshal(all)
	if err == nil {
		err = atomicwriter.WriteFile(registriesFile(c.Root), content, 0o600)
	}
	if err != nil {
		return fmt.Errorf("tell the embedded builder of registries: %w", err)
	}
	return nil
}

// readRegistries reads the file. One that is not there or is damaged says
// nothing.
func readRegistries(root string) (map[string]Registry, error) {
	all := map[string]Registry{}
	content, err := os.ReadFile(registriesFile(root))
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(content, &all) != nil {
		return map[string]Registry{}, nil
	}
	return all, nil
}

// registryHosts finds registries as the file says at the moment.
type registryHosts struct {
	root string
	// settings are those of the configuration file.
	settings map[string]resolverconfig.RegistryConfig

	mu    sync.Mutex
	file  os.FileInfo // as it was read
	hosts docker.RegistryHosts
}

// find is docker.RegistryHosts.
func (r *registryHosts) find(host string) ([]docker.RegistryHost, error) {
	hosts, err := r.current()
	if err != nil {
		return nil, err
	}
	return hosts(host)
}

func (r *registryHosts) current() (docker.RegistryHosts, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(registriesFile(r.root))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r.hosts != nil && sameFile(info, r.file) {
		return r.hosts, nil
	}
	all, err := readRegistries(r.root)
	if err != nil {
		return nil, err
	}
	r.file, r.hosts = info, hostsOf(r.settings, all)
	return r.hosts, nil
}

// sameFile reports whether neither is there, or both are the same: the file is
// never changed, only replaced.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// hostsOf finds registries as they are configured: by a file, and by
// workspaces, whose word goes before the file's. One on this machine of which
// nothing is said is reached by TLS or plain http, whichever it has.
func hostsOf(settings map[string]resolverconfig.RegistryConfig, registries map[string]Registry) docker.RegistryHosts {
	configured := maps.Clone(settings)
	if configured == nil {
		configured = map[string]resolverconfig.RegistryConfig{}
	}
	for host, r := range registries {
		configured[host] = over(configured[host], reach(host, r))
	}
	for _, c := range slices.Collect(maps.Values(configured)) {
		for _, mirror := range c.Mirrors {
			mirror, _, _ = strings.Cut(mirror, "/")
			if _, said := configured[mirror]; !said {
				configured[mirror] = reach(mirror, Registry{})
			}
		}
	}
	return func(host string) ([]docker.RegistryHost, error) {
		if _, said := configured[host]; said || !isLocal(host) {
			return resolver.NewRegistryConfig(configured)(host)
		}
		return resolver.NewRegistryConfig(map[string]resolverconfig.RegistryConfig{host: reach(host, Registry{})})(host)
	}
}

// over lays what a workspace says over what the file does.
func over(file, workspace resolverconfig.RegistryConfig) resolverconfig.RegistryConfig {
	if len(workspace.Mirrors) > 0 {
		file.Mirrors = workspace.Mirrors
	}
	if workspace.PlainHTTP != nil {
		file.PlainHTTP = workspace.PlainHTTP
	}
	verified := len(file.RootCAs) > 0 || len(file.TLSConfigDir) > 0
	if workspace.Insecure != nil && (!verified || workspace.PlainHTTP != nil) {
		file.Insecure = workspace.Insecure
	}
	return file
}

// reach is a registry's configuration in BuildKit's terms.
func reach(host string, r Registry) resolverconfig.RegistryConfig {
	c := resolverconfig.RegistryConfig{Mirrors: r.Mirrors}
	yes := true
	switch {
	case r.Insecure:
		c.PlainHTTP, c.Insecure = &yes, &yes
	case isLocal(host):
		c.Insecure = &yes // without PlainHTTP: TLS first
	}
	return c
}

func isLocal(host string) bool {
	local, err := docker.MatchLocalhost(host)
	return err == nil && local
}

func (r Registry) equal(other Registry) bool {
	if r.Insecure != other.Insecure || len(r.Mirrors) != len(other.Mirrors) {
		return false
	}
	for i := range r.Mirrors {
		if r.Mirrors[i] != other.Mirrors[i] {
			return false
		}
	}
	return true
}
