package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/lockfile"
)

var (
	mentioned   = regexp.MustCompile(`\b(package|var)\.(\w+)`)
	contextDirs = []string{".", "base", "app"}
)

// TestConfigurationInDocs: the configuration that the documentation shows is
// what Stowage takes.
func TestConfigurationInDocs(t *testing.T) {
	found := 0
	for _, pattern := range []string{"README.md", "docs/*.md"} {
		for file, page := range read(t, "../../"+pattern) {
			for _, block := range codeBlocks.FindAllStringSubmatch(page, -1) {
				if block[1] != "hcl" {
					continue
				}
				found++
				text := strings.ReplaceAll(block[2], "sha256:…", "sha256:"+strings.Repeat("0", 64))
				if err := checkConfiguration(t, text); err != nil {
					t.Errorf("%s: %v\n%s", file, err, text)
				}
			}
		}
	}
	if found < 7 {
		t.Errorf("%d blocks, want at least 7", found)
	}
}

// checkConfiguration has a workspace of a text evaluated, or reads a lock.
func checkConfiguration(t *testing.T, text string) error {
	t.Helper()
	if strings.HasPrefix(text, `image "`) {
		if _, diags := lockfile.Parse([]byte(text)); diags.HasErrors() {
			return diags
		}
		return nil
	}
	root := t.TempDir()
	for _, dir := range contextDirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, dir, "Dockerfile"), []byte("FROM scratch\nCOPY . /\n"), 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(root, "stowage.hcl"), []byte(withTheRest(text)), 0o600); err != nil {
		return err
	}
	ws, err := stowage.Open(t.Context(), root, stowage.Options{StoreDir: t.TempDir()})
	if err != nil {
		return err
	}
	defer ws.Close()
	_, err = ws.Resolve(t.Context())
	return err
}

// withTheRest is a text with what it takes to be there: the workspace block, and
// packages and variables that it mentions.
func withTheRest(text string) string {
	if !strings.Contains(text, "workspace {") {
		text += "workspace {\n  name = \"docs\"\n  registry = \"registry.test/docs\"\n  platforms = [\"linux/amd64\"]\n}\n"
	}
	for _, m := range mentioned.FindAllStringSubmatch(text, -1) {
		kind, body := m[1], "  dockerfile_inline = \"FROM scratch\\nCOPY Dockerfile /\"\n"
		if kind == "var" {
			kind, body = "variable", "  default = \"\"\n"
		}
		if head := fmt.Sprintf("%s %q {\n", kind, m[2]); !strings.Contains(text, head) {
			text += head + body + "}\n"
		}
	}
	return text
}
