package dockerfile_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stowage-build/stowage/internal/dockerfile"
)

// TestFindings: what Analyze finds is remembered on disk from one version to
// the next. When this fails, change the number in cacheMagic, and then the
// sum here.
func TestFindings(t *testing.T) {
	const want = "c7f45704f89a6820131501bd270cf5addcb55fd2e90c6b081cd10ef02acab81e"
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		opts := c.opts
		if opts.Platform == "" {
			opts.Platform, opts.Native = "linux/arm64", "linux/amd64"
		}
		df, err := dockerfile.Analyzer{}.Analyze([]byte(c.content), opts)
		if err != nil {
			continue // errors are not remembered
		}
		encoded, err := json.Marshal(df)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %s\n", name, encoded)
	}
	if have := hex.EncodeToString(h.Sum(nil)); have != want {
		t.Errorf("the findings have the sum %s, want %s", have, want)
	}
}
