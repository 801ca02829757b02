package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// MarkdownLimit is the most characters that GitHub and GitLab take for a
// comment (GitHub: 65,536).
const MarkdownLimit = 65_536

// maxReviewRows is how many rows of the table are not collapsed: a screenful.
const maxReviewRows = 30

// Markdown writes a plan as a review comment: a sentence, a table by wave, and
// details that are collapsed. It is never longer than MarkdownLimit; what does
// not fit is left out, with a note of what that is.
func Markdown(w io.Writer, p *planner.Plan) error {
	m := &markdown{planText: planText{Plan: p}, left: MarkdownLimit - noteRoom}
	m.write("### " + escapeMarkdown(headline(p)) + "\n\n" + m.sentence() + "\n\n")
	for _, d := range p.Diagnostics {
		m.alert(d)
	}
	m.table()
	m.graph()
	m.publish()
	m.reused()
	if len(m.missing) > 0 {
		fmt.Fprintf(&m.text, "\n_Left out to fit a comment: %s. `stowage plan` prints all._\n", strings.Join(m.missing, ", "))
	}
	_, err := io.WriteString(w, m.text.String())
	return err
}

// noteRoom is kept free for the note of what was left out, in bytes.
const noteRoom = 400

// markdown is a comment in the making.
type markdown struct {
	planText
	text strings.Builder
	// left is how many bytes there is room for: no fewer than characters.
	left int
	// missing says what did not fit.
	missing []string
}

// write adds a text if there is room for it.
func (m *markdown) write(text string) bool {
	if len(text) > m.left {
		return false
	}
	m.left -= len(text)
	m.text.WriteString(text)
	return true
}

// headline is the plan in a few words.
func headline(p *planner.Plan) string {
	name := "Stowage plan"
	if p.Workspace.Name != "" {
		name += " of " + p.Workspace.Name
	}
	switch {
	case p.Errored:
		return name + ": cannot be applied"
	case p.ToDo() == 0:
		return name + ": nothing to do"
	}
	return name + ": " + strings.Join(toDo(p.Summary), ", ")
}

// sentence says what is built, because of what.
func (m *markdown) sentence() string {
	built, causes := m.built()
	text := "Nothing is built"
	if len(built) > 0 {
		text = fmt.Sprintf("Builds **%s** (%s)", plural(m.Summary.Build, "image"), plural(len(built), "package"))
		if len(causes) > 0 && len(causes) < len(built) {
			text += " because " + because(causes)
		}
	}
	if n := m.Summary.ReuseRegistry + m.Summary.ReuseStore; n > 0 {
		text += fmt.Sprintf("; %s reused", plural(n, "image"))
	}
	text += "."
	if m.EstimateMS > 0 {
		text += fmt.Sprintf(" Estimated **%s**", milliseconds(m.EstimateMS))
		if len(m.CriticalPath) > 0 {
			text += ", along " + codeList(m.CriticalPath, " → ")
		}
		text += "."
	}
	return text
}

// cause is a package that is not built for others' sake, and why it is.
type cause struct {
	pkg    string
	reason planner.Reason
}

// built are the packages with something to build, and those of them that are
// not built for others' sake, with the reason of their first platform.
func (m *markdown) built() (built []string, causes []cause) {
	known := map[string]bool{}
	for _, s := range m.Steps {
		if s.Kind != planner.KindBuild {
			continue
		}
		if !slices.Contains(built, s.Package) {
			built = append(built, s.Package)
		}
		if s.Reason != planner.ReasonDependencyChanged && !known[s.Package] {
			known[s.Package] = true
			causes = append(causes, cause{s.Package, s.Reason})
		}
	}
	return built, causes
}

// clauses say what is the matter with packages, one and several, in the order
// in which a reader wants to know.
var clauses = []struct {
	reason    planner.Reason
	one, more string
}{
	{planner.ReasonInputsChanged, "changed", "changed"},
	{planner.ReasonBaseMoved, "has a new base", "have new bases"},
	{planner.ReasonRefreshDue, "is due for a refresh", "are due for a refresh"},
	{planner.ReasonForced, "is forced", "are forced"},
	{planner.ReasonPlatformMissing, "lacks a platform", "lack platforms"},
	{planner.ReasonMissing, "is missing", "are missing"},
	{planner.ReasonDamaged, "is damaged", "are damaged"},
}

// because says why causes are built: "a, b changed and c is missing".
func because(causes []cause) string {
	var parts []string
	for _, clause := range clauses {
		var names []string
		for _, c := range causes {
			if c.reason == clause.reason {
				names = append(names, c.pkg)
			}
		}
		switch len(names) {
		case 0:
		case 1:
			parts = append(parts, code(names[0])+" "+clause.one)
		default:
			parts = append(parts, someOf(names, 3)+" "+clause.more)
		}
	}
	if last := len(parts) - 1; last > 0 {
		return strings.Join(parts[:last], ", ") + " and " + parts[last]
	}
	return strings.Join(parts, "")
}

// someOf names the first n packages and counts the rest.
func someOf(names []string, n int) string {
	if len(names) <= n {
		return codeList(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", codeList(names[:n], ", "), len(names)-n)
}

func codeList(names []string, between string) string {
	var list []string
	for _, name := range names {
		list = append(list, code(name))
	}
	return strings.Join(list, between)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// alert writes a diagnostic as GitHub's and GitLab's alerts.
func (m *markdown) alert(d planner.Diagnostic) {
	kind := map[string]string{"error": "CAUTION", "warning": "WARNING"}[d.Severity]
	if kind == "" {
		kind = "NOTE"
	}
	text := "> [!" + kind + "]\n> " + escapeMarkdown(clean(d.Summary))
	if d.Location != "" {
		text += " (" + code(d.Location) + ")"
	}
	for _, line := range cleanLines(d.Detail) {
		if line != "" {
			text += "\n> " + escapeMarkdown(line)
		}
	}
	if !m.write(text + "\n\n") {
		m.omit("a %s", d.Severity)
	}
}

func (m *markdown) omit(format string, args ...any) {
	m.missing = append(m.missing, fmt.Sprintf(format, args...))
}

const tableHead = "| Wave | Build | Platforms | Why |\n|---:|---|---|---|\n"

// table lists builds and pulls by wave: the first rows as they are, the rest
// collapsed.
func (m *markdown) table() {
	var rows []string
	for i, ids := range m.Waves {
		for _, r := range m.rows(m.steps(ids)) {
			if r.kind == planner.KindBuild || r.kind == planner.KindPull {
				rows = append(rows, fmt.Sprintf("| %d | %s | %s | %s |\n", i+1, tableCell(buildName(r)), tableCell(escapeMarkdown(r.on)), tableCell(whyCell(r))))
			}
		}
	}
	first := rows[:min(len(rows), maxReviewRows)]
	if len(rows) > 0 && m.write(tableHead) {
		m.writeRows(first, "\n")
	}
	if rest := rows[len(first):]; len(rest) > 0 {
		m.collapsed(fmt.Sprintf("%d more", len(rest)), tableHead, rest, "")
	}
}

func buildName(r *planRow) string {
	if r.kind == planner.KindPull {
		return "pull " + code(r.name)
	}
	return code(r.name)
}

// whyCell is a reason in words, with its changes as code.
func whyCell(r *planRow) string {
	if r.kind == planner.KindPull {
		return "a build needs it"
	}
	reason, changes, found := strings.Cut(r.why, ": ")
	text := strings.ReplaceAll(reason, "_", " ")
	if found {
		text += ": " + code(changes)
	}
	return text
}

// writeRows writes what fits, and end.
func (m *markdown) writeRows(rows []string, end string) {
	m.left -= len(end)
	for i, row := range rows {
		if !m.write(row) {
			m.omit("%d rows", len(rows)-i)
			break
		}
	}
	m.left += len(end)
	m.write(end)
}

// collapsed writes rows that are shown when one asks for them.
func (m *markdown) collapsed(title, head string, rows []string, tail string) {
	begin := "<details><summary>" + escapeMarkdown(title) + "</summary>\n\n" + head
	end := tail + "\n</details>\n\n"
	if len(rows) == 0 {
		return
	}
	if len(begin)+len(rows[0])+len(end) > m.left {
		m.omit("%s", title)
		return
	}
	m.write(begin)
	m.writeRows(rows, end)
}

// graph draws what is built.
func (m *markdown) graph() {
	drawing, note := reviewGraph(m.Plan)
	if drawing == "" {
		if note != "" {
			m.write("_" + note + "_\n\n")
		}
		return
	}
	m.collapsed("Graph"+note, "```mermaid\n", []string{drawing}, "```\n")
}

// publish lists what is pushed, tagged and loaded.
func (m *markdown) publish() {
	var rows []string
	for _, s := range m.Steps {
		switch s.Kind {
		case planner.KindPush:
			rows = append(rows, "- push "+code(m.refOf(s.Package))+"\n")
		case planner.KindTag:
			rows = append(rows, "- tag "+code(s.Package+":"+s.Tag)+"\n")
		case planner.KindLoad:
			rows = append(rows, "- load "+code(m.refOf(s.Package))+"\n")
		}
	}
	m.collapsed(fmt.Sprintf("Published (%d)", len(rows)), "", rows, "")
}

func (m *markdown) refOf(name string) string {
	if p := m.packageInfo(name); p != nil {
		return p.Ref
	}
	return name
}

// reused lists what is not built.
func (m *markdown) reused() {
	for _, where := range []string{"registry", "store"} {
		platforms, nodes := m.found(where)
		var rows []string
		for _, name := range m.reusedNames(platforms) {
			rows = append(rows, "- "+code(name)+"\n")
		}
		m.collapsed(fmt.Sprintf("Reused from the %s (%d)", where, nodes), "", rows, "")
	}
}
