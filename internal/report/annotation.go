package report

import (
	"regexp"
	"strings"

	"github.com/stowage-build/stowage/executor"
)

// excerptAt matches the first line of an excerpt: where it is from.
var excerptAt = regexp.MustCompile(`^(\S+):(\d+)$`)

// failure is a line that has GitHub show a failed step beside the changes, at the
// Dockerfile's line where that is known: its workflow command error. Paths are
// relative to the workspace root, which should be the repository's.
func (f Fold) failure(e executor.Event) string {
	if f != FoldGitHub {
		return ""
	}
	properties := "title=" + escapeProperty(eventName(e))
	first, _, _ := strings.Cut(e.Excerpt, "\n")
	if at := excerptAt.FindStringSubmatch(strings.TrimSpace(first)); at != nil {
		properties = "file=" + escapeProperty(at[1]) + ",line=" + at[2] + "," + properties
	}
	return "::error " + properties + "::" + escapeData(cleanText(e.Error)) + "\n"
}

// escapeData and escapeProperty are as in actions/toolkit
// (packages/core/src/command.ts).
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
