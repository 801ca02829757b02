package imageindex

import (
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ParsePlatform parses os/arch[/variant] and normalises it: linux/arm64/v8
// and linux/aarch64 are linux/arm64. What the host is plays no part, so a lone
// os or architecture is an error.
func ParsePlatform(s string) (ocispec.Platform, error) {
	if !strings.Contains(s, "/") {
		return ocispec.Platform{}, fmt.Errorf("parse platform %q: want os/arch or os/arch/variant", s)
	}
	p, err := platforms.Parse(s)
	if err != nil {
		return ocispec.Platform{}, fmt.Errorf("parse platform %q: %w", s, err)
	}
	return platforms.Normalize(p), nil
}

// FormatPlatform is the normalised os/arch[/variant] of p, or "" when p is
// nil or unknown, as it is for attestations.
func FormatPlatform(p *ocispec.Platform) string {
	if p == nil || p.OS == "" || p.OS == "unknown" {
		return ""
	}
	return platforms.Format(platforms.Normalize(*p))
}

// ArchTag is the end of a per-platform tag, TAG-ARCH: amd64, arm64, arm-v7,
// and with the os in front when it is not linux: windows-amd64.
func ArchTag(p ocispec.Platform) string {
	s := FormatPlatform(&p)
	return strings.ReplaceAll(strings.TrimPrefix(s, "linux/"), "/", "-")
}
