package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/cmd/buildkitd/config"
	resolverconfig "github.com/moby/buildkit/util/resolver/config"
	"github.com/pelletier/go-toml/v2"
)

// Settings are a configuration file of BuildKit's daemon, buildkitd.toml: see
// https://docs.docker.com/build/buildkit/toml-configuration/. What is about
// the daemon itself (its socket, its state, other workers) is the engine's own
// and not to be set.
type Settings struct {
	// Path is the file, for messages.
	Path string `json:"path"`
	// Dir is what paths in it are relative to.
	Dir string `json:"dir"`
	// Content is the file's.
	Content []byte `json:"content"`
}

// settable are the keys that a file may have; a table stands for all in it.
var settable = []string{
	"registry", "dns", "history", "insecure-entitlements",
	"worker.oci.gc", "worker.oci.gckeepstorage", "worker.oci.reservedSpace", "worker.oci.maxUsedSpace",
	"worker.oci.minFreeSpace", "worker.oci.gcpolicy", "worker.oci.max-parallelism", "worker.oci.networkMode",
	"worker.oci.cniConfigPath", "worker.oci.cniBinaryPath", "worker.oci.cniPoolSize", "worker.oci.bridgeName",
	"worker.oci.bridgeSubnet", "worker.oci.apparmor-profile",
}

// LoadSettings reads and checks a file. A key that there is not, or that is
// not to be set, is an error.
func LoadSettings(path string) (*Settings, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the builder's configuration: %w", err)
	}
	content, err := os.ReadFile(full)
	if err != nil {
		return nil, fmt.Errorf("the builder's configuration: %w", err)
	}
	s := &Settings{Path: path, Dir: filepath.Dir(full), Content: content}
	if _, err := s.parse(); err != nil {
		return nil, err
	}
	return s, nil
}

// parse reads the file as BuildKit's daemon does, but takes no key that it
// does not know. Nil settings are an empty file.
func (s *Settings) parse() (*config.Config, error) {
	c := &config.Config{}
	if s == nil {
		return c, nil
	}
	decoder := toml.NewDecoder(bytes.NewReader(s.Content)).DisallowUnknownFields()
	if err := decoder.Decode(c); err != nil {
		return nil, fmt.Errorf("the builder's configuration %s: %w", s.Path, explainTOML(err))
	}
	var tree map[string]any
	if err := toml.Unmarshal(s.Content, &tree); err != nil {
		return nil, fmt.Errorf("the builder's configuration %s: %w", s.Path, err)
	}
	if refused := unsettable("", tree); len(refused) > 0 {
		return nil, fmt.Errorf("the builder's configuration %s: %s: the embedded builder decides that itself; it can be told of %s",
			s.Path, strings.Join(refused, ", "), strings.Join(settable, ", "))
	}
	for host, r := range c.Registries {
		c.Registries[host] = s.absolute(r)
	}
	return c, nil
}

// explainTOML puts the place of a mistake in front of it.
func explainTOML(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var keys []string
		for _, e := range unknown.Errors {
			row, _ := e.Position()
			keys = append(keys, fmt.Sprintf("line %d: there is no key %q", row, strings.Join(e.Key(), ".")))
		}
		return errors.New(strings.Join(keys, "; "))
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, column := bad.Position()
		return fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return err
}

// unsettable lists the keys of a table that are not to be set.
func unsettable(prefix string, table map[string]any) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(table)) {
		full := prefix + key
		below, isTable := table[key].(map[string]any)
		switch {
		case slices.Contains(settable, full):
		case isTable && slices.ContainsFunc(settable, func(s string) bool { return strings.HasPrefix(s, full+".") }):
			out = append(out, unsettable(full+".", below)...)
		default:
			out = append(out, full)
		}
	}
	return out
}

// absolute makes the paths of a registry's files absolute.
func (s *Settings) absolute(r resolverconfig.RegistryConfig) resolverconfig.RegistryConfig {
	file := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(s.Dir, *path)
		}
	}
	for i := range r.RootCAs {
		file(&r.RootCAs[i])
	}
	for i := range r.KeyPairs {
		file(&r.KeyPairs[i].Key)
		file(&r.KeyPairs[i].Certificate)
	}
	for i := range r.TLSConfigDir {
		file(&r.TLSConfigDir[i])
	}
	return r
}

// sum tells settings apart, "" for none.
func (s *Settings) sum() string {
	if s == nil {
		return ""
	}
	sum := sha256.Sum256(append([]byte(s.Dir+"\n"), s.Content...))
	return hex.EncodeToString(sum[:])
}

// settingsFile says which settings the engine was started with.
func (c Config) settingsFile() string { return filepath.Join(c.Root, "settings.sum") }

// hasOtherSettings reports whether the engine that runs was started with
// other settings than are wanted. Whoever wants none takes what runs.
func (c Config) hasOtherSettings() bool {
	if c.Settings == nil {
		return false
	}
	now, err := os.ReadFile(c.settingsFile())
	return err != nil || string(now) != c.Settings.sum()
}
