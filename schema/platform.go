package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
)

// Platforms that images can be built for: what BuildKit and the OCI image
// specification (GOOS and GOARCH) know.
var (
	knownSystems       = []string{"linux", "windows", "freebsd", "darwin"}
	knownArchitectures = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"}
	commonPlatforms    = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/s390x", "linux/riscv64", "linux/loong64", "windows/amd64"}
)

// normalizePlatform checks an OCI platform, os/arch[/variant], and returns it
// in normal form: linux/arm64/v8 is linux/arm64, linux/arm is linux/arm/v7.
// What is wrong is said as a sentence's end.
func normalizePlatform(s string) (string, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || strings.ContainsAny(s, "()*") {
		return "", fmt.Errorf("a platform is written os/arch or os/arch/variant, for example linux/amd64.%s", didYouMean(s, commonPlatforms, nil))
	}
	p, err := platforms.Parse(s)
	if err != nil {
		return "", fmt.Errorf("a platform is written os/arch or os/arch/variant, for example linux/amd64.%s", didYouMean(s, commonPlatforms, nil))
	}
	p = platforms.Normalize(p)
	if !slices.Contains(knownSystems, p.OS) {
		return "", fmt.Errorf("%q is no operating system that images are built for.%s", parts[0], didYouMean(s, commonPlatforms, nil))
	}
	if !slices.Contains(knownArchitectures, p.Architecture) {
		return "", fmt.Errorf("%q is no known architecture.%s", parts[1], didYouMean(s, commonPlatforms, nil))
	}
	return platforms.Format(p), nil
}

// platformList normalises a list of platforms and refuses repetitions.
func (r *reader) platformList(list []located) []string {
	var out []string
	for _, l := range list {
		p, ok := r.platform(l)
		if !ok {
			continue
		}
		if slices.Contains(out, p) {
			r.fail(l.rng, "Duplicate platform", "%s is listed already.", p)
			continue
		}
		out = append(out, p)
	}
	return out
}

func (r *reader) platform(l located) (string, bool) {
	p, err := normalizePlatform(l.text)
	if err != nil {
		r.fail(l.rng, "Bad platform", "%q: %s", l.text, err)
		return "", false
	}
	return p, true
}
