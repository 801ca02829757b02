package planner_test

import (
	"strings"
	"testing"

	"github.com/stowage-build/stowage/internal/dockerfile"
)

// TestRuns: what a node's builder must run, whatever its own platform is.
func TestRuns(t *testing.T) {
	for name, test := range map[string]struct {
		lines []string
		want  string // for linux/arm64, planned on linux/amd64
	}{
		"nothing":              {[]string{"FROM scratch", "COPY . /"}, ""},
		"its own":              {[]string{"FROM alpine", "RUN ls"}, arm64},
		"the builder's":        {[]string{"FROM --platform=$BUILDPLATFORM go AS b", "RUN go", "FROM scratch", "COPY --from=b / /"}, ""},
		"both":                 {[]string{"FROM --platform=$BUILDPLATFORM go AS b", "RUN go", "FROM alpine", "COPY --from=b / /", "RUN ls"}, arm64},
		"another":              {[]string{"FROM --platform=linux/s390x go", "RUN ls", "ENV X=$BUILDPLATFORM"}, "linux/s390x"},
		"what the base leaves": {[]string{"FROM registry.test/acme/triggers"}, arm64},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, inline(map[string]string{
				"app":      from(test.lines...),
				"triggers": from("FROM scratch", "ONBUILD RUN ls"),
			}))
			s.dockerfiles = dockerfile.Analyzer{}
			s.host = amd64
			if have := strings.Join(s.resolve().Package("app").Runs(arm64), " "); have != test.want {
				t.Errorf("it runs programs for %q, want %q", have, test.want)
			}
		})
	}
}
