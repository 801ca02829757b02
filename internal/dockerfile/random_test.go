//go:build !race

package dockerfile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// writer puts a Dockerfile together. Few names, so that they meet.
type writer struct {
	*rand.Rand
	strings.Builder
}

func (w *writer) one(of ...string) string { return of[w.IntN(len(of))] }

// name is a stage or an image.
func (w *writer) name() string {
	return w.one("a", "b", "c", "A", "alpine", "ghcr.io/acme/base:1", "scratch", "context", "alpine:latest", "docker.io/library/alpine")
}

func (w *writer) from() string {
	return w.one("$X", "${Y:-b}", "${Z:+alpine}", "x/$TARGETARCH", w.name(), w.name(), w.name(), w.name(), w.name())
}

func (w *writer) source() string {
	return w.one("0", "1", "2", "5", w.name(), w.name(), w.name(), w.name(), w.name())
}

func (w *writer) instruction() string {
	switch w.IntN(9) {
	case 0, 1, 2:
		return fmt.Sprintf("COPY --from=%s /x /x", w.source())
	case 3:
		return fmt.Sprintf("RUN --mount=from=%s,target=/m true", w.name())
	case 4:
		return fmt.Sprintf("RUN --mount=type=cache,target=/c --mount=type=%s,from=%s,target=/m true", w.one("bind", "cache"), w.name())
	case 5:
		return "RUN --mount=type=cache,target=/c true"
	case 6:
		return "ARG X=c"
	case 7:
		return "RUN <<EOF\nCOPY --from=heredoc a b\nEOF"
	}
	return "COPY a b"
}

// trigger is an ONBUILD instruction of the image alpine. It does not name
// alpine, with which BuildKit would never end, nor a stage's number, which the
// writer of a base image cannot know.
func (w *writer) trigger() string {
	for {
		text := w.instruction()
		if !strings.Contains(text, "alpine") && !strings.ContainsAny(text, "0125") {
			return text
		}
	}
}

// randomCase is the test case of a seed.
func randomCase(seed uint64) testCase {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 0))}
	if w.IntN(2) == 0 {
		w.WriteString(w.one("ARG X=a\n", "ARG X\n", "ARG Y=$TARGETOS X=b\n", "ARG Z=1\nARG X=$Z\n", "ARG X=b\nARG TARGETPLATFORM\n"))
	}
	for range 1 + w.IntN(4) {
		w.WriteString("FROM " + w.one("", "", "--platform=$BUILDPLATFORM ", "--platform=$TARGETPLATFORM ", "--platform=linux/arm/v7 ", "--platform=$X "))
		w.WriteString(w.from() + w.one("", " AS a", " AS b", " AS C", " as alpine", " AS context", " AS b-") + "\n")
		for range w.IntN(3) {
			w.WriteString(w.one("", "", "", "ONBUILD ") + w.instruction() + "\n")
		}
	}
	c := testCase{content: w.String()}
	c.opts.Target = w.one("", "", "", "a", "B", "alpine")
	if w.IntN(3) == 0 {
		c.opts.Args = map[string]string{w.one("X", "Y", "TARGETPLATFORM"): w.one("a", "", "linux/s390x")}
	}
	for _, name := range []string{"a", "c", "alpine", "ghcr.io/acme/base:1", "context", "scratch"} {
		if w.IntN(8) == 0 {
			c.opts.Contexts = append(c.opts.Contexts, name)
		}
	}
	if w.IntN(4) == 0 {
		c.opts.OnBuild = map[string][]string{"alpine": {w.trigger(), w.trigger()}}
	}
	return c
}
