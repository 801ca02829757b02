package schema

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// maxPerFile bounds the errors that are reported about one file.
const maxPerFile = 50

// errorAt returns an error about rng. The detail says what to do.
func errorAt(rng hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	return diagnostic(hcl.DiagError, rng, summary, detail, args...)
}

// warningAt returns a warning about rng.
func warningAt(rng hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	return diagnostic(hcl.DiagWarning, rng, summary, detail, args...)
}

func diagnostic(severity hcl.DiagnosticSeverity, rng hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &hcl.Diagnostic{Severity: severity, Summary: summary, Detail: detail, Subject: &rng}
}

// instanceNote is the Extra of a diagnostic that arose in one instance of a
// package. It is added to the detail once equal diagnostics have been merged.
type instanceNote string

// arrange sorts diagnostics by file and position, drops repetitions (the
// instances of one for_each usually share their mistakes) and bounds their
// number per file.
func arrange(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		return cmp.Or(compareRanges(subject(a), subject(b)), cmp.Compare(a.Summary, b.Summary),
			cmp.Compare(a.Detail, b.Detail), cmp.Compare(note(a), note(b)))
	})
	diags = slices.CompactFunc(diags, func(a, b *hcl.Diagnostic) bool {
		return a.Severity == b.Severity && a.Summary == b.Summary && a.Detail == b.Detail && subject(a) == subject(b)
	})
	var out hcl.Diagnostics
	for i := 0; i < len(diags); {
		end := i
		for end < len(diags) && subject(diags[end]).Filename == subject(diags[i]).Filename {
			end++
		}
		out = append(out, bounded(diags[i:end])...)
		i = end
	}
	for _, d := range out {
		if n := note(d); n != "" {
			d.Detail += fmt.Sprintf(" (In package %s.)", n)
			d.Extra = nil
		}
	}
	return out
}

// bounded cuts the diagnostics of one file to maxPerFile and says so.
func bounded(diags hcl.Diagnostics) hcl.Diagnostics {
	if len(diags) <= maxPerFile {
		return diags
	}
	more := len(diags) - maxPerFile
	last := diags[maxPerFile]
	return append(slices.Clip(diags[:maxPerFile]), diagnostic(last.Severity, subject(last),
		"Too many problems", "%d more in this file are not shown; correct the ones above first.", more))
}

func subject(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{}
	}
	return *d.Subject
}

func note(d *hcl.Diagnostic) string {
	n, _ := d.Extra.(instanceNote)
	return string(n)
}

func compareRanges(a, b hcl.Range) int {
	return cmp.Or(cmp.Compare(a.Filename, b.Filename), cmp.Compare(a.Start.Line, b.Start.Line),
		cmp.Compare(a.Start.Byte, b.Start.Byte), cmp.Compare(a.End.Byte, b.End.Byte))
}

// at names a place in text: file:line,column.
func at(rng hcl.Range) string {
	return fmt.Sprintf("%s:%d,%d", rng.Filename, rng.Start.Line, rng.Start.Column)
}
