package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// maxSkipped is how many skipped steps are named for each failure.
const maxSkipped = 10

// Failures writes what failed, with the Dockerfile's lines and the end of the
// log, and what was skipped because of it. It writes nothing if nothing did. Of
// failures that were told before, as the live view does, it writes where their
// logs are.
func Failures(w io.Writer, r *executor.Result, told bool) {
	for _, f := range r.Failed {
		writeFailure(w, &f, told)
	}
	if len(r.Skipped) > 0 {
		fmt.Fprintln(w)
		writeSkipped(w, r.Skipped)
	}
	if len(r.Failed) > 0 {
		fmt.Fprintln(w)
	}
}

func writeFailure(w io.Writer, f *executor.Failure, told bool) {
	if told {
		fmt.Fprintf(w, "Failed: %s, see above\n", stepName(f.Step))
	} else {
		fmt.Fprintf(w, "\nFailed: %s\n%s\n", stepName(f.Step), strings.Join(whatFailed(f.Excerpt, f.Log, f.Error), "\n"))
	}
	if f.Attempts > 1 {
		on := ""
		if f.Builder != "" {
			on = ", the last on builder " + f.Builder
		}
		fmt.Fprintf(w, "  after %d attempts%s\n", f.Attempts, on)
	}
	if f.LogPath != "" {
		fmt.Fprintf(w, "  log: %s\n", f.LogPath)
	}
}

// whatFailed is where a build failed, the end of what it said, and the error.
func whatFailed(excerpt string, log []string, err string) []string {
	var lines []string
	if excerpt != "" {
		lines = cleanLines(excerpt)
	}
	for _, line := range log {
		lines = append(lines, "│ "+clean(line))
	}
	lines = append(lines, cleanLines(err)...)
	for i, line := range lines {
		lines[i] = "  " + line
	}
	return lines
}

// writeSkipped writes a line for each skipped step, and how many more there
// are of the same cause where they are many.
func writeSkipped(w io.Writer, skipped []executor.Skip) {
	counts := map[string]int{}
	var causes []string
	for _, s := range skipped {
		cause := strings.Join(s.Because, ", ")
		if counts[cause] == 0 {
			causes = append(causes, cause)
		}
		if counts[cause]++; counts[cause] <= maxSkipped {
			fmt.Fprintf(w, "Skipped: %s, because of %s\n", stepName(s.Step), cause)
		}
	}
	for _, cause := range causes {
		if n := counts[cause] - maxSkipped; n > 0 {
			fmt.Fprintf(w, "Skipped: %d more, because of %s\n", n, cause)
		}
	}
}

// StepName is a step as people read it: "app linux/amd64" for builds, and
// "push app" for the rest.
func StepName(kind planner.Kind, pkg, platform, id string) string {
	pkg = clean(pkg)
	switch {
	case kind == planner.KindBuild:
		return pkg + " " + platform
	case kind == planner.KindTag:
		return "tag " + clean(strings.TrimPrefix(id, "tag:"))
	case platform != "":
		return fmt.Sprintf("%s %s %s", kind, pkg, platform)
	}
	return fmt.Sprintf("%s %s", kind, pkg)
}

func stepName(s planner.Step) string { return StepName(s.Kind, s.Package, s.Platform, s.ID) }

func eventName(e executor.Event) string { return StepName(e.Kind, e.Package, e.Platform, e.Step) }
